"""Makes the attempts of a run: each bounded by the task's timeout, with a growing pause between two."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from falcon_scheduler.core.domain.attempt import with_begun, with_ended
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import TIMED_OUT_START, ExecutionOutcome
from falcon_scheduler.core.domain.references import forbidden_references
from falcon_scheduler.core.domain.retry import LONGEST_DELAY, delay_before_retry
from falcon_scheduler.core.domain.storable import storable_value
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.wording import describe_error, limited
from falcon_scheduler.core.domain.work import Executor, TaskResult, WorkContext, known_so_far
from falcon_scheduler.core.ports import Clock, ExecutionStore
from falcon_scheduler.core.services.runs.call_policy import inform
from falcon_scheduler.core.services.runs.run_types import Attempt, RunEnvironment


@dataclass(slots=True)
class Story:
    """The execution as far as it has come, so that an interruption writes all of it."""

    execution: Execution


class Attempts:
    """One object serves any number of runs."""

    def __init__(
        self,
        *,
        executions: ExecutionStore,
        clock: Clock,
        executor_for: Callable[[str], Executor],
        conceal: Callable[[str], str],
    ) -> None:
        """`conceal` removes secrets from what an executor returns or raises."""
        self._executions = executions
        self._clock = clock
        self._executor_for = executor_for
        self._conceal = conceal

    async def make(self, task: Task, story: Story, environment: RunEnvironment) -> Execution:
        """Attempt after attempt until one succeeds, one is final, or none is left. Returns the end."""
        of = task.definition.max_retries + 1
        for number in range(1, of + 1):
            await self._begin(story, number, environment)
            result, outcome = await self._attempt(task, story.execution, number, environment)
            story.execution = self._with_result(story.execution, result, outcome)
            if result.success or not result.retryable or number == of:
                break
            delay = delay_before_retry(number, task.definition.retry_interval)
            delay = max(delay, min(result.retry_after or timedelta(), LONGEST_DELAY))
            environment.log.warning(
                "Attempt %d of %d failed: %s; the next one starts in %s",
                number,
                of,
                result.error,
                format_duration(delay),
            )
            story.execution = replace(story.execution, retry_count=number)
            attempt = Attempt(number=number, of=of, error=result.error, delay=delay)
            await self._wait_for_retry(story.execution, attempt, environment)
        status = ExecutionStatus.COMPLETED if result.success else ExecutionStatus.FAILED
        error = "" if result.success else result.error or "The task failed and gave no reason"
        return story.execution.ended(status, self._clock.now(), output=result.output, error=error, outcome=outcome)

    async def _begin(self, story: Story, number: int, environment: RunEnvironment) -> None:
        """Put the attempt into the history. The first one is written with the start of the execution."""
        attempts = with_begun(story.execution.attempts, number, self._clock.now())
        story.execution = replace(story.execution, attempts=attempts)
        if number > 1:
            note = partial(self._executions.note, story.execution.id, attempts=attempts)
            await inform("note the attempt in the history", note, environment.log)

    def _with_result(self, execution: Execution, result: TaskResult, outcome: ExecutionOutcome) -> Execution:
        code = result.detail.get("status_code")
        code = code if isinstance(code, int) and not isinstance(code, bool) else None
        error = "" if result.success else result.error
        attempts = with_ended(execution.attempts, self._clock.now(), outcome, error, code)
        return replace(execution, detail={**execution.detail, **result.detail}, attempts=attempts)

    async def _attempt(
        self, task: Task, execution: Execution, number: int, environment: RunEnvironment
    ) -> tuple[TaskResult, ExecutionOutcome]:
        """Make one attempt. The result holds no secret and is short enough to be stored."""
        if not execution.may_refer and (faults := [*forbidden_references(execution.parameters, "parameters")]):
            error = "; ".join(f"{fault.location}: {fault.message}" for fault in faults)
            refused = TaskResult(success=False, error=limited(self._conceal(f"Not run: {error}")), retryable=False)
            return refused, ExecutionOutcome.FAILED
        timeout = task.definition.timeout
        context = WorkContext(
            task_id=task.id,
            task_name=task.definition.name,
            execution_id=execution.id,
            attempt=number,
            config=task.definition.config,
            parameters=execution.parameters,
            deadline_at=self._clock.now() + timeout,
            scheduled_for=execution.scheduled_for,
            fencing_token=execution.fencing_token,
            cancelled=environment.cancelled,
            log=environment.log,
            progress=environment.progress,
        )
        outcome: ExecutionOutcome | None = None
        try:
            async with asyncio.timeout(timeout.total_seconds()) as limit:
                value = self._executor_for(task.definition.type).execute(context)
                result = TaskResult.of(await value if inspect.isawaitable(value) else value)
        except Exception as error:  # noqa: BLE001 - any exception of a plug-in is the outcome of its attempt
            if isinstance(error, TimeoutError) and limit.expired():
                known = known_so_far(error.__cause__) or TaskResult(success=False)
                result = replace(known, success=False, error=f"{TIMED_OUT_START}{format_duration(timeout)}")
                outcome = ExecutionOutcome.TIMED_OUT
            else:
                retryable = getattr(error, "retryable", True) is not False
                result = TaskResult(success=False, error=describe_error(error), retryable=retryable)
        result = replace(
            result,
            output=limited(self._conceal(result.output)),
            error=limited(self._conceal(result.error)),
            detail=storable_value(result.detail),
        )
        return result, outcome or (ExecutionOutcome.COMPLETED if result.success else ExecutionOutcome.FAILED)

    async def _wait_for_retry(self, execution: Execution, attempt: Attempt, environment: RunEnvironment) -> None:
        """Wait for the next attempt. Reports of it to the stores and the engine only inform."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + attempt.delay.total_seconds()
        note = partial(
            self._executions.note, execution.id, retry_count=execution.retry_count, attempts=execution.attempts
        )
        await inform("note the retry in the history", note, environment.log)
        await inform("show the retry in Prefect", partial(environment.on_retry, attempt), environment.log)
        await asyncio.sleep(max(ends_at - loop.time(), 0))
