"""Performs one run of a task: lock, attempts, timeout, and the story of it in the history.

This happens inside a run's process, independent of the engine. It takes the lock, writes the start, makes up to
1 + max_retries attempts, writes the end, and releases the lock. What it can't write while a store is away, the mirror
writes later from the engine's record of the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.attempt import with_begun
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import CANCELLED_ERROR, SHUTDOWN_ERROR, SUPERSEDED_ERROR, ExecutionOutcome
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.domain.wording import first_line
from falcon_scheduler.core.domain.work import Executor
from falcon_scheduler.core.errors import TaskNotFound, Unavailable, UnreadableDocument
from falcon_scheduler.core.ports import Beginning, Clock, ExecutionStore, TaskStore
from falcon_scheduler.core.services.runs.attempts import Attempts, Story
from falcon_scheduler.core.services.runs.bystander import Bystander, is_performed_elsewhere
from falcon_scheduler.core.services.runs.call_policy import asked, decided
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.overlap import OverlapRule, Turn
from falcon_scheduler.core.services.runs.run_types import (
    Ending,
    LostError,
    NotToBeginError,
    Outcome,
    RunEnvironment,
    Ticket,
)
from falcon_scheduler.core.services.runs.skip_rule import occurrence_of, skip_at_begin, skip_of
from falcon_scheduler.core.services.tasks.fire_times import next_run


class TaskRunning:
    """Performs runs. One object serves any number of them."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        counting: OutcomeCounting,
        overlap: OverlapRule,
        clock: Clock,
        executor_for: Callable[[str], Executor],
        conceal: Callable[[str], str] = str,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._counting = counting
        self._overlap = overlap
        self._clock = clock
        self._attempts = Attempts(executions=executions, clock=clock, executor_for=executor_for, conceal=conceal)
        self._bystander = Bystander(executions, counting, clock)

    async def perform(self, ticket: Ticket, environment: RunEnvironment) -> Outcome:
        """Run the task of the ticket to its end.

        Raises:
            asyncio.CancelledError: the run was interrupted; its end has been written by then.
        """
        try:
            task = await decided(lambda: self._tasks.get(ticket.task_id))
        except (TaskNotFound, UnreadableDocument) as error:
            return Outcome(ending=Ending.FAILED, message=str(error))
        except Unavailable as error:
            return Outcome(ending=Ending.FAILED, message=str(error))
        if (end := await self._end_before(ticket.execution_id, environment)) is not None:
            return end
        skip = skip_of(ticket, task) or skip_at_begin(ticket, task, self._clock.now())
        is_planned_by_another = skip is not None or ticket.version not in {"", str(task.version)}
        if is_planned_by_another and not await self._claim(environment):
            return Outcome(ending=Ending.LEFT, message="The task was changed, and the engine has the run no more")
        if skip is not None:
            return await self._skip(ticket, task, skip)
        try:
            if task.definition.overlap is Overlap.QUEUE and await asked(environment.gives_way, environment.log):
                return Outcome(ending=Ending.GAVE_WAY, message="")
            return await self._in_turn(ticket, task, environment)
        except TaskNotFound as error:  # deleted while the run waited for its turn
            return Outcome(ending=Ending.FAILED, message=str(error))
        except NotToBeginError as refusal:
            return await self._skip(ticket, task, refusal.skip)
        except LostError:
            return await self._as_recorded(ticket.execution_id)

    @staticmethod
    async def _claim(environment: RunEnvironment) -> bool:
        """Whether the engine has the run still. Its plan of a task that was changed since may be another by now."""
        return not environment.performer or await environment.claim()

    async def _end_before(self, execution_id: str, environment: RunEnvironment) -> Outcome | None:
        """How a run ends that has been begun before; None for one that has not.

        The engine may have started again what has ended, and somebody else may be performing it without a claim.
        """
        try:
            known = (await self._executions.of_ids([execution_id])).get(execution_id)
        except Unavailable:
            return None  # its start and its end will be refused
        if is_performed_elsewhere(known, environment.performer):
            return await self._end_elsewhere(execution_id, environment)
        if known is not None and known.status.is_terminal:
            return Outcome(ending=Ending.ALREADY_ENDED, message="", before=_outcome_of(known))
        return None

    async def _end_elsewhere(self, execution_id: str, environment: RunEnvironment) -> Outcome:
        """The end of an execution that somebody else performs, once it has one."""
        await self._bystander.wait(execution_id, environment.log)
        return await self._as_recorded(execution_id)

    async def _in_turn(self, ticket: Ticket, task: Task, environment: RunEnvironment) -> Outcome:
        now = self._clock.now()
        queued = replace(self._execution(ticket, task, None, now), status=ExecutionStatus.PENDING)

        def claim(each: Task, fencing_token: int) -> Task:
            token = max(fencing_token, each.record.fencing_token + 1)
            started_at = self._clock.now()
            if (skip := skip_at_begin(ticket, each, started_at)) is not None:
                raise NotToBeginError(skip)
            by_schedule = ticket.trigger is Trigger.SCHEDULE
            started = each.started(ticket.execution_id, started_at, token, by_schedule=by_schedule)
            return replace(started, next_run=next_run(started, started_at))

        turns = self._overlap.turn(
            task,
            ticket.execution_id,
            claim,
            lambda: environment.pulse(queued, None, timedelta()),
            environment.log,
            lambda: asked(environment.is_behind, environment.log),
        )
        async with turns as turn:
            if not turn.granted:
                return await self._skip(ticket, task, Skip.still_running(turn.held_by))
            return await self._take_turn(ticket, turn.task or task, turn, environment)

    async def _take_turn(self, ticket: Ticket, task: Task, turn: Turn, environment: RunEnvironment) -> Outcome:
        now = self._clock.now()
        execution = replace(
            self._execution(ticket, task, turn, now),
            attempts=with_begun((), 1, now),
            performer=environment.performer,
        )
        beginning = await self._begin(execution, environment)
        if beginning is None:
            return Outcome(ending=Ending.LEFT, message="MongoDB is away, and the engine gave it to no one here")
        if beginning is Beginning.ELSEWHERE:
            return await self._end_elsewhere(ticket.execution_id, environment)
        if beginning is not Beginning.BEGUN:
            return await self._refused(ticket, task, beginning)
        story = Story(execution)
        environment.work_begins()
        try:
            async with environment.pulse(execution, turn.lock, turn.ttl):
                try:
                    execution = await self._attempts.make(task, story, environment)
                finally:
                    environment.work_over()
        except asyncio.CancelledError:
            await asyncio.shield(self._end(self._interrupted(story.execution, environment), turn.task))
            raise
        return await self._end(execution, turn.task)

    async def _begin(self, execution: Execution, environment: RunEnvironment) -> Beginning | None:
        """Begin in the history; while MongoDB is away, by the engine's claim. None when neither lets it begin."""
        try:
            return await self._executions.begin(execution)
        except Unavailable:
            if not await self._claim(environment):
                with suppress(Unavailable):
                    return await decided(lambda: self._executions.begin(execution))
                return None
        environment.log.warning("MongoDB is away; the run goes on and its history follows later")
        return Beginning.BEGUN

    async def _refused(self, ticket: Ticket, task: Task, beginning: Beginning) -> Outcome:
        """The run was over before it began, or another run has begun for the same scheduled instant."""

        def put_back(each: Task) -> Task:
            without = each.not_begun(ticket.execution_id)
            return replace(without, next_run=next_run(without, self._clock.now()))

        with suppress(Unavailable, TaskNotFound):  # the sweep takes it off the task
            await self._tasks.change(task.id, put_back)
        if beginning is Beginning.TAKEN:
            return await self._skip(ticket, task, Skip.already_served())
        return await self._as_recorded(ticket.execution_id)

    def _execution(self, ticket: Ticket, task: Task, turn: Turn | None, started_at: datetime) -> Execution:
        return Execution(
            id=ticket.execution_id,
            task_id=task.id,
            status=ExecutionStatus.RUNNING,
            started_at=started_at,
            trigger=ticket.trigger,
            queued_at=ticket.queued_at,
            scheduled_for=ticket.due_at,
            worker_id=ticket.worker_id,
            lock_key=turn.key if turn else "",
            fencing_token=max(task.record.fencing_token, turn.fencing_token) if turn else 0,
            occurrence=occurrence_of(ticket, task) if turn else "",
            heartbeat_at=started_at,
            priority=ticket.priority or str(task.definition.priority),
            parameters=ticket.parameters,
            may_refer=ticket.may_refer,
        )

    def _interrupted(self, execution: Execution, environment: RunEnvironment) -> Execution:
        now = self._clock.now()
        if environment.cancelled():
            return execution.cancelled(now)
        return execution.failed(now, SHUTDOWN_ERROR, ExecutionOutcome.CRASHED)

    async def _skip(self, ticket: Ticket, task: Task, skip: Skip) -> Outcome:
        """Write that the run never began. One that ended in between, as by a cancellation, keeps that end."""
        now = self._clock.now()
        execution = self._execution(ticket, task, None, ticket.due_at or now).skipped(skip, now)
        with suppress(Unavailable, UnreadableDocument):  # the mirror writes it from the engine's picture
            if not await self._counting.finish(execution, known=task):
                return await self._as_recorded(ticket.execution_id)
        return Outcome(ending=Ending.SKIPPED, message=skip.text)

    async def _end(self, execution: Execution, claimed: Task | None) -> Outcome:
        """Write the end. If it is refused, return the end that the history holds. `claimed`: its task then."""
        completed = execution.status is ExecutionStatus.COMPLETED
        ending = Ending.COMPLETED if completed else Ending.FAILED
        text = execution.output if completed else execution.error
        try:
            if await decided(lambda: self._counting.finish(execution, fenced=True, known=claimed)):
                return _outcome_of(execution)
            error = f"{SUPERSEDED_ERROR} (it would have ended as {execution.status})"
            superseded = execution.failed(self._clock.now(), error, ExecutionOutcome.CRASHED)
            await decided(lambda: self._counting.finish(superseded))  # refused too if it has ended already
            return await self._as_recorded(execution.id)
        except Unavailable:
            timed_out = execution.outcome is ExecutionOutcome.TIMED_OUT
            return Outcome(ending=ending, message=text, timed_out=timed_out)

    async def _as_recorded(self, execution_id: str) -> Outcome:
        """The recorded end of a run whose own end was refused."""
        try:
            known = (await decided(lambda: self._executions.of_ids([execution_id]))).get(execution_id)
        except Unavailable as error:
            return Outcome(ending=Ending.FAILED, message=str(error))
        return Outcome(ending=Ending.CANCELLED, message=CANCELLED_ERROR) if known is None else _outcome_of(known)


ENDINGS = {
    ExecutionOutcome.COMPLETED: Ending.COMPLETED,
    ExecutionOutcome.CANCELLED: Ending.CANCELLED,
    ExecutionOutcome.SKIPPED: Ending.SKIPPED,
}


def _outcome_of(execution: Execution) -> Outcome:
    """What is reported to the engine of an execution that has ended."""
    ending = ENDINGS.get(execution.outcome, Ending.FAILED) if execution.outcome else Ending.FAILED
    text = execution.output if ending is Ending.COMPLETED else execution.error
    timed_out = execution.outcome is ExecutionOutcome.TIMED_OUT
    return Outcome(ending=ending, message=first_line(text), timed_out=timed_out)
