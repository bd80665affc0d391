"""Cancels executions: in the engine, and in the history where no process does it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.errors import EngineFault, ExecutionEnded, ExecutionNotFound, Unavailable
from falcon_scheduler.core.ports import Clock, ExecutionStore, Runs, TaskStore
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.tasks.auditing import Auditing

logger = logging.getLogger(__name__)

LOOKS, LOOK_SECONDS = 15, 0.2
"""For how long a cancellation waits for a run to be shown at work, which takes a second (`SHOWN_AFTER_SECONDS`)."""
CANCELLED_AT_ONCE = 8
"""Of the runs of a task that is stopped. More would only wait for the engine, which is one process."""


class Cancelling:
    """Every call may be repeated."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        counting: OutcomeCounting,
        audit: Auditing,
        clock: Clock,
    ) -> None:
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._counting = counting
        self._audit = audit
        self._clock = clock

    async def cancel(self, execution_id: str, by: Principal) -> Execution:
        """Cancel one execution. The schedule of its task goes on. Returns the execution as it is then.

        One that is at work ends when its work has really stopped, so it may still be running in the answer.

        Raises:
            ExecutionNotFound
            ExecutionEnded: it has ended, and not by a cancellation.
        """
        execution = await self._find(execution_id)
        if execution.is_cancelled:
            return execution
        _refuse_ended(execution)
        change = {"execution_id": execution_id}
        async with self._audit.change(Action.CANCEL, by, execution.task_id, after=change):
            await self.cancel_run(execution.task_id, execution_id, execution)
            known = (await self._executions.of_ids([execution_id])).get(execution_id, execution)
            _refuse_ended(known)
        ids = {"task_id": execution.task_id, "execution_id": execution_id}
        logger.info("Execution %s cancelled by %s", execution_id, by.user_id, extra={"fields": ids})
        return known

    async def cancel_run(self, task_id: str, run_id: str, otherwise: Execution | None = None) -> None:
        """Cancel in the engine, and write the end at once where no process would.

        A run at work writes its own end when its work has stopped, and the mirror does when the run can't.
        `otherwise` is the execution to end when the history has none yet.
        """
        known = (await self._executions.of_ids([run_id])).get(run_id)
        if known is not None and known.status is ExecutionStatus.RUNNING and known.performer:
            await self._until_shown(run_id)
        await self._runs.cancel(run_id)
        run = await self._runs.find(run_id)
        if run is not None and run.phase is not RunPhase.CANCELLED:
            return
        execution = (await self._executions.of_ids([run_id])).get(run_id, otherwise)
        if execution is not None:
            await self._counting.finish(execution.cancelled(self._clock.now()))
        else:
            logger.debug("Run %s of task %s was cancelled before it had an execution", run_id, task_id)

    async def _until_shown(self, run_id: str) -> None:
        """Wait until the engine knows that a run without a claim is at work.

        Before that it takes the run for one that has not begun, and would call it cancelled while it works.
        """
        for _ in range(LOOKS):
            run = await self._runs.find(run_id)
            if run is None or run.phase is not RunPhase.WAITING:
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def cancel_runs(self, task_id: str, run_ids: Sequence[str]) -> None:
        """Cancel several runs of a task, a few at the same time.

        A run that can't be cancelled does not keep the others; its error is raised when all have been tried. Once a
        server is away the rest is left out.
        """
        turns = asyncio.Semaphore(CANCELLED_AT_ONCE)
        is_away = False

        async def cancel(run_id: str) -> None:
            nonlocal is_away
            async with turns:
                if is_away:
                    return
                try:
                    await self.cancel_run(task_id, run_id)
                except Unavailable as error:
                    is_away = is_away or not isinstance(error, EngineFault)
                    raise

        results = await asyncio.gather(*map(cancel, run_ids), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error

    async def _find(self, execution_id: str) -> Execution:
        """The execution; one that could not be written when it was requested is made from its run."""
        try:
            return await self._executions.get(execution_id)
        except ExecutionNotFound:
            run = await self._runs.find(execution_id)
            if run is None or run.phase is RunPhase.AHEAD or run.deployment_id is None:
                raise
            task = (await self._tasks.of_deployments([run.deployment_id])).get(run.deployment_id)
            if task is None:
                raise
            return Execution(
                id=run.id,
                task_id=task.id,
                status=ExecutionStatus.PENDING,
                started_at=run.due_at or self._clock.now(),
                queued_at=run.due_at,
                trigger=run.trigger,
                priority=run.priority,
                parameters=run.given(),
            )


def _refuse_ended(execution: Execution) -> None:
    if execution.status.is_terminal and not execution.is_cancelled:
        raise ExecutionEnded(execution.id, str(execution.outcome))
