"""One flow run performs one task: from Prefect's picture of the run to ours, and our outcome back to a state."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed, Running

from falcon_scheduler.adapters.prefect.names import RETRYING, SKIPPED
from falcon_scheduler.adapters.prefect.parameters import opened
from falcon_scheduler.adapters.prefect.states import may_refer, plain, trigger_of
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.errors import Invalid
from falcon_scheduler.core.services.runs.run_types import Attempt, Ending, Outcome, RunEnvironment, Ticket
from falcon_scheduler.flows import termination
from falcon_scheduler.adapters.prefect.ended_runs import end_again, log_end_as_information
from falcon_scheduler.adapters.prefect.queue_order import BEGUN, give_way, has_to_give_way, is_behind
from falcon_scheduler.flows.prefect_internals import WORKER_NAME_VARIABLE
from falcon_scheduler.flows.progress import PrefectProgress
from falcon_scheduler.flows.runtime import open_runtime


async def run_task(task_id: str, parameters: object) -> State[Any]:
    """Perform the task in the flow run that we are in. Returns the state in which the flow run ends."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("A task runs inside a flow run: start its deployment, do not call its flow")
    flow_run = context.flow_run
    log = get_run_logger(context, scheduler_task_id=task_id)
    began_at = time.monotonic()
    try:
        ticket = ticket_of(flow_run, task_id, parameters)
    except Invalid as error:  # given in Prefect, for the API checks before; the mirror writes this end
        return state_of(Outcome(ending=Ending.FAILED, message=f"The run can't begin: {error}"))
    async with open_runtime() as runtime:
        environment = RunEnvironment(
            log=log,
            progress=PrefectProgress(str(flow_run.id), runtime.executions, log),
            on_retry=lambda attempt: _show_retry(flow_run, attempt),
            cancelled=lambda: termination.reason() == "cancelled",
            pulse=runtime.pulse,
            gives_way=lambda: _in_line(flow_run, has_to_give_way),
            is_behind=lambda: _in_line(flow_run, lambda client, run: is_behind(client, run, BEGUN)),
        )
        try:
            outcome = await runtime.running.perform(ticket, environment)
        except asyncio.CancelledError:
            ending = Ending.CANCELLED if environment.cancelled() else Ending.FAILED
            interrupted = Outcome(ending=ending, message="it was interrupted")
            _log_end(log, flow_run, task_id, interrupted, began_at)
            raise
    if outcome.ending is not Ending.FAILED:
        log_end_as_information(flow_run)
    if outcome.ending is Ending.GAVE_WAY:
        async with get_client() as client:
            await give_way(client, flow_run)
    if outcome.ending is Ending.ALREADY_ENDED:
        async with get_client() as client:
            return await end_again(client, flow_run, log)
    _log_end(log, flow_run, task_id, outcome, began_at)
    return state_of(outcome)


async def _in_line(flow_run: FlowRun, ask: Callable[[PrefectClient, FlowRun], Awaitable[bool]]) -> bool:
    async with get_client() as client:
        return await ask(client, flow_run)


def _log_end(log: Any, flow_run: FlowRun, task_id: str, outcome: Outcome, began_at: float) -> None:
    """The one line about how it ended. What the message may not hold was taken out of it before."""
    took = timedelta(seconds=round(time.monotonic() - began_at, 3))
    level = logging.ERROR if outcome.ending is Ending.FAILED else logging.INFO
    log.log(
        level,
        "Execution %s of task %s %s after %s%s",
        flow_run.id,
        task_id,
        outcome.ending,
        format_duration(took),
        f": {outcome.message}" if outcome.message and outcome.ending is not Ending.COMPLETED else "",
    )


def ticket_of(flow_run: FlowRun, task_id: str, parameters: object) -> Ticket:
    """Our picture of a flow run. Raises `Invalid` for parameters that a run may not have."""
    return Ticket(
        execution_id=str(flow_run.id),
        task_id=task_id,
        trigger=trigger_of(flow_run),
        due_at=plain(flow_run.expected_start_time),
        version=flow_run.deployment_version or "",
        queued_at=plain(flow_run.expected_start_time or flow_run.created),
        parameters=opened(parameters),
        may_refer=may_refer(flow_run),
        worker_id=os.environ.get(WORKER_NAME_VARIABLE) or f"{socket.gethostname()}:{os.getpid()}",
    )


def state_of(outcome: Outcome) -> State[Any]:
    """The terminal state of an outcome. Its message shows in the Prefect UI, and the mirror falls back to it."""
    message = storable_text(outcome.message) or None
    if outcome.ending is Ending.COMPLETED:
        return Completed(message=message)
    if outcome.ending is Ending.SKIPPED:
        return Cancelled(name=SKIPPED, message=message)
    if outcome.ending is Ending.CANCELLED:
        return Cancelled(message=message)
    return Failed(message=message)


async def _show_retry(flow_run: FlowRun, attempt: Attempt) -> None:
    """Each attempt shows in the run's list of states, and Prefect's run count counts it."""
    message = (
        f"Attempt {attempt.number} of {attempt.of} failed: {attempt.error}. "
        f"The next one starts in {format_duration(attempt.delay)}"
    )
    async with get_client() as client:
        await client.set_flow_run_state(flow_run.id, Running(name=RETRYING, message=message[:1000]))
