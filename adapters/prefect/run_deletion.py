"""Deletes flow runs in portions, each by one request."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType

from falcon_scheduler.adapters.prefect.errors import translated
from falcon_scheduler.adapters.prefect.flow_run_reading import FlowRunReading

DELETED_AT_ONCE = 50
"""The most that it deletes at once. Source: prefect 3.8, `bulk_delete_flow_runs`."""
_BULK_DELETE: Any = "/flow_runs/bulk_delete"  # missing in the client's list of paths


async def delete_runs(
    client: PrefectClient, reading: FlowRunReading, run_ids: Sequence[str], states: Collection[StateType] = ()
) -> int:
    """Delete the runs, or those of them that are in one of the states. Returns how many were deleted.

    What was quarantined because it can't be read is released. May be repeated.
    """
    condition = {"state": {"type": {"any_": [*states]}}} if states else {}
    deleted = 0
    for start in range(0, len(run_ids), DELETED_AT_ONCE):
        ids = [*run_ids[start : start + DELETED_AT_ONCE]]
        body = {"flow_runs": {"id": {"any_": ids}, **condition}, "limit": DELETED_AT_ONCE}
        with translated():
            deleted += len((await client.request("POST", _BULK_DELETE, json=body)).json()["deleted"])
        for run_id in ids:
            reading.quarantine.release(run_id)
    return deleted
