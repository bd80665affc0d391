"""A flow run whose execution has already ended runs nothing, whoever sent it to a worker again.

Prefect's *Retry* puts an ended run back on the schedule. An end in the history never changes, so what was asked for
becomes a run of its own, and the ended one gets the state back in which it had ended. A run that comes late, after it
was given up and ended, starts no other.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Failed, Scheduled

from falcon_scheduler.core.domain.work import WorkLog

SLOT_COMES_FREE_AFTER = timedelta(seconds=2)
"""The new run is due a little later: until the ended one has its state back, it holds the deployment's only slot."""


async def end_again(client: PrefectClient, flow_run: FlowRun, log: WorkLog) -> State[Any]:
    """Start another run if somebody asked for it. Returns the state in which the flow run had ended.

    May be repeated for the same request: it starts one run.
    """
    states = sorted(await client.read_flow_run_states(flow_run.id), key=lambda each: each.timestamp)
    ended = next((each for each in reversed(states) if each.is_final()), None)
    request = _request_after(states, ended)
    if request is None or flow_run.deployment_id is None:
        log.info("Execution %s had already ended; nothing was run", flow_run.id)
    else:
        fresh = await client.create_flow_run_from_deployment(
            flow_run.deployment_id,
            parameters=flow_run.parameters,
            state=Scheduled(scheduled_time=datetime.now(UTC) + SLOT_COMES_FREE_AFTER),
            idempotency_key=f"again-{flow_run.id}-{request.id}",
            work_queue_name=flow_run.work_queue_name,
        )
        log.info("Execution %s had already ended; nothing was run. Execution %s runs instead", flow_run.id, fresh.id)
    if ended is None:
        return Failed(message="The run had already ended")
    return State[Any](type=ended.type, name=ended.name, message=ended.message)


def _request_after(states: Sequence[State[Any]], ended: State[Any] | None) -> State[Any] | None:
    """The state by which somebody put the run on the schedule again after its end."""
    if ended is None:
        return None
    asked = [each for each in states if each.is_scheduled() and each.timestamp > ended.timestamp]
    return asked[-1] if asked else None


def say_calmly(flow_run: FlowRun) -> None:
    """Have Prefect's engine log the end of this run as information: it calls every end but Completed an error."""
    logging.getLogger("prefect.flow_runs").addFilter(_Calm(str(flow_run.id)))


class _Calm(logging.Filter):
    def __init__(self, flow_run_id: str) -> None:
        super().__init__()
        self._flow_run_id = flow_run_id

    def filter(self, record: logging.LogRecord) -> bool:
        is_end = str(record.msg).startswith("Finished in state")
        if is_end and str(getattr(record, "flow_run_id", "")) == self._flow_run_id:
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        return True
