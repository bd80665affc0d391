"""Running a task by hand, stopping it, and reading what became of its executions."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import Run
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import (
    EngineRefused,
    ExecutionNotFound,
    Invalid,
    SchedulerError,
    TaskDisabled,
    Unavailable,
    UnreadableDocument,
)
from falcon_scheduler.core.ports import (
    Clock,
    ExecutionFilter,
    ExecutionStore,
    ExecutorCatalog,
    Page,
    PageRequest,
    Position,
    Runs,
    TaskStore,
)
from falcon_scheduler.core.services.runs.cancelling import Cancelling
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.idempotency import KeyedRequests, run_key
from falcon_scheduler.core.services.runs.run_parameters import may_refer, run_parameter_faults
from falcon_scheduler.core.services.runs.run_request import RunRequest
from falcon_scheduler.core.services.runs.waiting_count import WaitingCount
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.task_service import TaskService

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOutcome:
    """Which executions a stop cancelled."""

    task_id: str
    cancelled: tuple[str, ...]


class RunService:
    """What the API may do with executions."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        catalog: ExecutorCatalog,
        clock: Clock,
        counting: OutcomeCounting,
        switches: TaskService,
        audit: Auditing,
        keyed: KeyedRequests,
        wake: Callable[[str], Awaitable[object]],
        queue_size: int,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._catalog = catalog
        self._clock = clock
        self._cancelling = Cancelling(
            tasks=tasks, executions=executions, runs=runs, counting=counting, audit=audit, clock=clock
        )
        self._switches = switches
        self._audit = audit
        self._keyed = keyed
        self._wake = wake
        self._waiting = WaitingCount(runs.waiting, queue_size)

    async def execute(
        self,
        task_id: str,
        *,
        parameters: Mapping[str, Any],
        priority: Priority | None,
        by: Principal,
        key: str | None = None,
    ) -> Execution:
        """Request an execution now, with this run's own parameters and priority.

        A repeat with the same `key` by the same caller starts no other run; see `core.services.runs.idempotency`.

        Raises:
            TaskNotFound, TaskDisabled, Invalid (parameters), QueueFull, KeyReused.
        """
        return await self._request(RunRequest(task_id=task_id, parameters=parameters, priority=priority), by, key)

    async def repeat(self, execution_id: str, by: Principal, key: str | None = None) -> Execution:
        """Request an execution with the parameters and the priority of an earlier one. `key` as in `execute`.

        Raises:
            ExecutionNotFound, TaskNotFound, TaskDisabled, QueueFull, KeyReused
            Invalid: a parameter was a secret, of which the history keeps a mask, or the caller may not give it.
        """
        earlier = await self._executions.get(execution_id)
        priority = Priority(earlier.priority) if earlier.priority in set(Priority) else None
        wanted = RunRequest(
            task_id=earlier.task_id, parameters=earlier.parameters, priority=priority, repeats=execution_id
        )
        return await self._request(wanted, by, key)

    async def _request(self, wanted: RunRequest, by: Principal, key: str | None) -> Execution:
        task_id, request = wanted.task_id, None
        if key is not None:
            request = await self._keyed.known(self._keyed.request(by, task_id, key, wanted.body()))
            if request.started_at is not None:
                return wanted.execution(request.execution_id, request.started_at, wanted.priority)
        task = await self._runnable(task_id, wanted.parameters, by)
        if request is not None:
            request = await self._keyed.claim(request)
        run = await self._start(task, wanted, by, request.run_key if request else run_key())
        requested_at = run.due_at or self._clock.now()
        execution = wanted.execution(run.id, requested_at, wanted.priority_for(task), run.trigger)
        try:
            await self._executions.add(execution)
            if request is not None:
                await self._keyed.answer(request, execution.id, execution.started_at)
        except Unavailable:  # the run is created all the same, and the mirror writes it later
            logger.warning("MongoDB is away; execution %s of task %s is written later", run.id, task_id)
        with suppress(Unavailable):  # a hint only: workers poll every few seconds anyway
            await self._wake(run.id)
        ids = {"task_id": task_id, "execution_id": run.id}
        logger.info("Execution %s of task %s asked for by %s", run.id, task_id, by.user_id, extra={"fields": ids})
        return execution

    async def _runnable(self, task_id: str, parameters: Mapping[str, Any], by: Principal) -> Task:
        """The task, if this caller may run it with these parameters."""
        task = await self._tasks.get(task_id)
        if not task.definition.enabled:
            raise TaskDisabled(task_id)
        if faults := run_parameter_faults(task, parameters, self._catalog, may_refer=may_refer(by)):
            raise Invalid(faults)
        return task

    async def _start(self, task: Task, wanted: RunRequest, by: Principal, key: str) -> Run:
        """Create the run in the engine before MongoDB is written.

        Its run carries all that is needed to write the execution later, should this process die before it could.
        """
        parameters, priority = wanted.parameters, wanted.priority_for(task)
        recorded = {"parameters": dict(parameters), "priority": str(priority)}
        recorded |= {"repeats": wanted.repeats} if wanted.repeats else {}
        action = Action.REPEAT if wanted.repeats else Action.EXECUTE
        async with self._audit.change(action, by, task.id, after=recorded) as note:
            await self._waiting.take_place()  # inside, so that the audit has a refusal: explanations read it
            run = await self._runs.start(
                task, parameters=parameters, priority=priority, key=key, may_refer=may_refer(by)
            )
            note.after = {**recorded, "execution_id": run.id}
        return run

    async def stop(self, task_id: str, by: Principal) -> StopOutcome:
        """Pause the task and cancel every pending and running execution of it.

        The schedule is held first, so that nothing new begins behind the cancellation. When the engine refuses that,
        or the task's document can't be read, the runs are cancelled all the same.

        Raises:
            TaskNotFound, EngineRefused, UnreadableDocument.
        """
        task: Task | None
        refusal: SchedulerError | None = None
        async with self._audit.change(Action.STOP, by, task_id, after={"paused": True}) as note:
            try:
                task = await self._switches.hold(task_id, by, note)
            except EngineRefused as error:
                task, refusal = await self._tasks.get(task_id), error
            except UnreadableDocument as error:
                task, refusal = None, error
            cancelled = {execution.id for execution in await self._executions.unfinished(task_id)}
            cancelled |= {run.id for run in await self._waiting_or_running(task)}
            note.after = {**note.after, "cancelled_executions": sorted(cancelled)}
            await self._cancelling.cancel_runs(task_id, sorted(cancelled))
            if refusal is not None:
                raise refusal
        ids = {"task_id": task_id, "execution_ids": [*cancelled]}
        many = len(cancelled)
        logger.info(
            "Task %s stopped by %s; %d executions cancelled", task_id, by.user_id, many, extra={"fields": ids}
        )
        return StopOutcome(task_id=task_id, cancelled=tuple(sorted(cancelled)))

    async def cancel(self, execution_id: str, by: Principal) -> Execution:
        """Cancel one execution without pausing its task; see `Cancelling.cancel`."""
        return await self._cancelling.cancel(execution_id, by)

    async def history(
        self, task_id: str, wanted: ExecutionFilter, page: PageRequest, after: Position | None = None
    ) -> Page[Execution]:
        """A task's executions, newest first; see `ExecutionStore.list`. Raises `TaskNotFound`."""
        await self._tasks.get(task_id)
        return await self._executions.list(replace(wanted, task_id=task_id), page, after)

    async def get(self, execution_id: str, task_id: str | None = None) -> Execution:
        """One execution. Raises `ExecutionNotFound`, also when it belongs to another task."""
        execution = await self._executions.get(execution_id)
        if task_id is not None and execution.task_id != task_id:
            raise ExecutionNotFound(execution_id)
        return execution

    async def list(
        self, wanted: ExecutionFilter, page: PageRequest, after: Position | None = None
    ) -> Page[Execution]:
        """Executions of all tasks, newest first; see `ExecutionStore.list`."""
        return await self._executions.list(wanted, page, after)

    async def _waiting_or_running(self, task: Task | None) -> Sequence[Run]:
        return await self._runs.unfinished(task.deployment_id) if task and task.deployment_id else ()
