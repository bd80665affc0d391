"""Removes deployments. Those whose removal is requested while another one is sent go to Prefect in one request.

A bulk deletion of tasks, and clients that delete at the same time, share the requests: to read what is at work, to
delete, and to delete what has ended. Each removal succeeds or fails with its request, and may be repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.errors import translated
from falcon_scheduler.adapters.prefect.runs import PrefectRuns

MOST_AT_ONCE = 50
"""The most that Prefect deletes in one request. Source: prefect 3.8, `bulk_delete_deployments`."""
_BULK_DELETE: Any = "/deployments/bulk_delete"  # missing in the client's list of paths


@dataclass(eq=False, slots=True)
class _Removal:
    deployment_id: str
    was_there: bool | None = None
    """Set when the removal is done."""
    error: Exception | None = None


class DeploymentRemoval:
    """May be used by any number of callers at the same time."""

    def __init__(self, client: PrefectClient, runs: PrefectRuns) -> None:
        self._client = client
        self._runs = runs
        self._waiting: list[_Removal] = []
        self._turn = asyncio.Lock()

    async def remove(self, deployment_id: str) -> bool:
        """Cancel what waits or is at work, then delete the deployment and all its runs.

        Returns:
            Whether the deployment was there.

        Raises:
            Unavailable: Prefect does not answer. What it has done is not undone.
        """
        removal = _Removal(deployment_id)
        self._waiting.append(removal)
        try:
            async with self._turn:
                if removal.was_there is None and removal.error is None:
                    await self._remove_together(self._waiting[:MOST_AT_ONCE])
        finally:
            self._waiting.remove(removal)
        if removal.error is not None:
            raise removal.error
        return bool(removal.was_there)

    async def _remove_together(self, removals: Sequence[_Removal]) -> None:
        """Of a caller that is cancelled here, the others repeat the work."""
        try:
            deleted = await self._removed(sorted({each.deployment_id for each in removals}))
        except Exception as error:  # noqa: BLE001 - each caller raises it
            for each in removals:
                each.error = error
            return
        for each in removals:
            each.was_there = each.deployment_id in deleted

    async def _removed(self, deployment_ids: Sequence[str]) -> Collection[str]:
        """Prefect itself deletes the runs that it has planned, and keeps the others without their deployment."""
        begun: list[str] = []
        async for runs in self._runs.begun(deployment_ids):
            begun += [run.id for run in runs]
            for run in runs:
                if not run.phase.is_terminal:
                    await self._runs.cancel(run.id)
        body = {"deployments": {"id": {"any_": [*deployment_ids]}}, "limit": MOST_AT_ONCE}
        with translated():
            deleted = (await self._client.request("POST", _BULK_DELETE, json=body)).json()["deleted"]
        await self._runs.delete_ended(begun)
        return {*deleted}
