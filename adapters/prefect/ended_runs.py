"""A flow run whose execution has ended already runs nothing, even when it is scheduled again.

Prefect's *Retry* sets an ended run to Scheduled. An end in the history never changes. So the retry becomes a new run,
and the ended run gets its terminal state back. A run that a worker begins late, after it was given up and ended,
creates no new run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Failed, Scheduled

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.core.domain.work import WorkLog

SLOT_COMES_FREE_AFTER = timedelta(seconds=2)
"""Delay of the new run: until the ended one has its state back, it holds the deployment's only slot."""


async def end_again(
    client: PrefectClient, flow_run: FlowRun, log: WorkLog, recorded: State[Any] | None
) -> State[Any]:
    """Start a new run if somebody requested one. Returns the state in which the flow run had ended.

    `recorded` is the end in the history, for a run whose end was not reported to Prefect.

    May be repeated for the same request: the idempotency key makes Prefect create one run.

    Raises:
        Unavailable: Prefect is away.
        EngineRefused: it refuses the new run.
    """
    with translated():
        states = sorted(await client.read_flow_run_states(flow_run.id), key=lambda each: each.timestamp)
    ended = next((each for each in reversed(states) if each.is_final()), None)
    request = _request_after(states, ended)
    fresh = await _started_anew(client, flow_run, request) if request else None
    if fresh is None:
        log.info("Execution %s had already ended; nothing was run", flow_run.id)
    else:
        log.info("Execution %s had already ended; nothing was run. Execution %s runs instead", flow_run.id, fresh.id)
    if ended is None:
        return recorded or Failed(message="The run had already ended")
    return State[Any](type=ended.type, name=ended.name, message=ended.message)


async def _started_anew(client: PrefectClient, flow_run: FlowRun, request: State[Any]) -> FlowRun | None:
    """The run that replaces this one; None when the deployment is gone."""
    if flow_run.deployment_id is None:
        return None
    try:
        with translated():
            return await client.create_flow_run_from_deployment(
                flow_run.deployment_id,
                parameters=flow_run.parameters,
                name=flow_run.name,
                state=Scheduled(scheduled_time=datetime.now(UTC) + SLOT_COMES_FREE_AFTER),
                idempotency_key=f"again-{flow_run.id}-{request.id}",
                work_queue_name=flow_run.work_queue_name,
            )
    except Gone:
        return None


def _request_after(states: Sequence[State[Any]], ended: State[Any] | None) -> State[Any] | None:
    """The state by which somebody scheduled the run again after its end."""
    if ended is None:
        return None
    asked = [each for each in states if each.is_scheduled() and each.timestamp > ended.timestamp]
    return asked[-1] if asked else None
