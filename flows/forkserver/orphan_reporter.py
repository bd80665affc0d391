"""Reports the runs of a worker that died to Prefect, from its preloaded process, which outlives it for that.

Only when nothing will be forked any more: a client of Prefect's may start threads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas import OrchestrationResult
from prefect.states import Cancelled, Crashed

WORKER_DIED = "The worker died while the run was under way; the run was killed."

_PATIENCE_SECONDS = 60.0
_RETRY_SECONDS = 2.0

_logger = logging.getLogger("falcon.forkserver.orphans")


def report_orphaned(flow_run_ids: Sequence[str]) -> None:
    """Set each run Crashed, or Cancelled where it was being cancelled. Gives up after a minute without a server."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    remaining = list(flow_run_ids)
    while remaining and time.monotonic() < deadline:
        try:
            with get_client(sync_client=True) as client:
                while remaining:
                    _report(client, remaining[-1])
                    remaining.pop()
        except Exception as error:  # noqa: BLE001 - the process ends after this; nobody could handle it
            _logger.warning("Could not report the end of a run: %s", error)
            time.sleep(_RETRY_SECONDS)


def _report(client: SyncPrefectClient, flow_run_id: str) -> None:
    answer: OrchestrationResult[Any] = client.set_flow_run_state(flow_run_id, Crashed(message=WORKER_DIED))
    if answer.state is not None and answer.state.is_cancelling():
        client.set_flow_run_state(flow_run_id, Cancelled(message=WORKER_DIED))
