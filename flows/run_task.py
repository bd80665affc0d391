"""The body of our flows: one flow run performs one task, and its outcome becomes the state in which it ends."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from falcon_scheduler.adapters.prefect.own_run import End, PrefectOwnRun, RunLog, state_of
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.errors import Invalid, SchedulerError
from falcon_scheduler.core.services.runs.call_policy import decided
from falcon_scheduler.core.services.runs.run_types import Attempt, Ending, Outcome, RunEnvironment, always
from falcon_scheduler.flows import termination
from falcon_scheduler.flows.prefect_internals import WORKER_NAME_VARIABLE, log_end_as_information
from falcon_scheduler.flows.progress import ReportedProgress
from falcon_scheduler.flows.runtime import Runtime, open_runtime


async def run_task(task_id: str, parameters: object) -> End:
    """Perform the task in the flow run that we are in. Returns the state in which the flow run ends."""
    own_run = PrefectOwnRun.current()
    async with open_runtime() as runtime:
        outcome = await perform(
            own_run,
            task_id,
            parameters,
            runtime,
            is_cancelled=lambda: termination.reason() == "cancelled",
            show_retry=own_run.show_retry,
        )
    if outcome.ending is not Ending.FAILED:
        log_end_as_information(own_run.id)
    if outcome.ending is Ending.GAVE_WAY:
        try:
            leaves = await decided(own_run.give_way)
        except SchedulerError as error:
            return state_of(Outcome(ending=Ending.FAILED, message=str(error)))
        raise leaves
    return await settled(own_run, outcome)


async def perform(
    own_run: PrefectOwnRun,
    task_id: str,
    parameters: object,
    runtime: Runtime,
    *,
    is_cancelled: Callable[[], bool],
    show_retry: Callable[[str], Awaitable[None]],
    work_begins: Callable[[], None] = lambda: None,
    work_over: Callable[[], None] = lambda: None,
    performer: str = "",
    claim: Callable[[], Awaitable[bool]] = always,
) -> Outcome:
    """Perform the task in a flow run, in a process of its own or beside others; see `RunEnvironment`.

    Raises:
        asyncio.CancelledError: the run was interrupted; its end has been written by then.
    """
    log = own_run.log(scheduler_task_id=task_id)
    began_at = time.monotonic()
    try:
        ticket = own_run.ticket(task_id, parameters, _worker_id())
    except Invalid as error:  # given in Prefect, for the API checks before; the mirror writes this end
        return Outcome(ending=Ending.FAILED, message=f"The run can't begin: {error}")
    environment = RunEnvironment(
        log=log,
        progress=ReportedProgress(own_run, ticket.execution_id, runtime.executions, log),
        on_retry=lambda attempt: show_retry(_retry_message(attempt)),
        cancelled=is_cancelled,
        pulse=runtime.pulse,
        work_begins=work_begins,
        work_over=work_over,
        performer=performer,
        claim=claim,
        gives_way=own_run.has_to_give_way,
        is_behind=own_run.is_behind,
    )
    try:
        outcome = await runtime.running.perform(ticket, environment)
    except asyncio.CancelledError:
        ending = Ending.CANCELLED if is_cancelled() else Ending.FAILED
        _log_end(log, own_run.id, task_id, Outcome(ending=ending, message="it was interrupted"), began_at)
        raise
    if outcome.ending not in {Ending.GAVE_WAY, Ending.LEFT, Ending.ALREADY_ENDED}:
        _log_end(log, own_run.id, task_id, outcome, began_at)
    return outcome


async def settled(own_run: PrefectOwnRun, outcome: Outcome) -> End:
    """The state in which a run ends. One that had ended before fails when Prefect stays away for too long."""
    if outcome.ending is not Ending.ALREADY_ENDED:
        return state_of(outcome)
    try:
        before = state_of(outcome.before) if outcome.before else None
        return await decided(lambda: own_run.end_again(own_run.log(), before))
    except SchedulerError as error:
        return state_of(Outcome(ending=Ending.FAILED, message=str(error)))


def _worker_id() -> str:
    return os.environ.get(WORKER_NAME_VARIABLE) or f"{socket.gethostname()}:{os.getpid()}"


def _log_end(log: RunLog, execution_id: str, task_id: str, outcome: Outcome, began_at: float) -> None:
    """The one line about how it ended. What the message may not hold was taken out of it before."""
    took = timedelta(seconds=round(time.monotonic() - began_at, 3))
    level = logging.ERROR if outcome.ending is Ending.FAILED else logging.INFO
    log.log(
        level,
        "Execution %s of task %s %s after %s%s",
        execution_id,
        task_id,
        outcome.ending,
        format_duration(took),
        f": {outcome.message}" if outcome.message and outcome.ending is not Ending.COMPLETED else "",
    )


def _retry_message(attempt: Attempt) -> str:
    return (
        f"Attempt {attempt.number} of {attempt.of} failed: {attempt.error}. "
        f"The next one starts in {format_duration(attempt.delay)}"
    )
