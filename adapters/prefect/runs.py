"""Flow runs: asking for them, cancelling them, and finding them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Cancelling

from falcon_scheduler.adapters.prefect.ahead import one_ahead
from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.flow_run_reading import PAGE, FlowRunReading
from falcon_scheduler.adapters.prefect.names import (
    POOL,
    POOL_TYPE,
    PRIORITY_LABEL,
    REFERENCES_LABEL,
    SKIPPED,
    TRIGGER_LABEL,
    run_name,
)
from falcon_scheduler.adapters.prefect.parameters import altered_by_prefect, sealed
from falcon_scheduler.adapters.prefect.run_deletion import delete_runs
from falcon_scheduler.adapters.prefect.states import run_of, state_of_end
from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import Run
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import Conflict, EngineRefused, Invalid
from falcon_scheduler.core.ports import Clock

IN_POOL: Mapping[str, Any] = {"work_pools": {"name": {"any_": [POOL]}}}
POOL_FILTER = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
WARM_START = timedelta(seconds=30)
"""A warm worker claims a run in the moment it starts it."""
SLOW_START = timedelta(minutes=15)
"""Other workers claim first and then start a process, a container or a pod, which may have to fetch its image."""
WAITING = [StateType.SCHEDULED, StateType.PENDING]
AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
UNFINISHED = [*WAITING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
BEGUN = [each for each in StateType if each is not StateType.SCHEDULED]
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]


def is_uuid(text: str) -> bool:
    """Whether the text can be an id of Prefect's. An execution that another scheduler wrote may have any id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class PrefectRuns:
    """See `core.ports.Runs`."""

    def __init__(self, client: PrefectClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.reading = FlowRunReading(client)
        self._pool_type: str | None = None

    async def start(
        self, task: Task, *, parameters: Mapping[str, Any], priority: Priority, key: str, may_refer: bool = False
    ) -> Run:
        """Create a run now, once for each `key`.

        A deployment of somebody else's takes its own parameters, as an object and in its own queue.
        """
        if task.deployment_id is None:
            raise Conflict(f"Task {task.id!r} is not deployed yet; try again")
        ours = task.source is not Source.IMPORT
        if not ours and (faults := altered_by_prefect(parameters)):
            raise Invalid(faults)
        labels = {TRIGGER_LABEL: str(Trigger.MANUAL), REFERENCES_LABEL: may_refer, PRIORITY_LABEL: str(priority)}
        # Prefect's UI lists runs by their names, and would make one up.
        name = run_name(task.definition.name, self._clock.now())
        body: dict[str, Any] = {"idempotency_key": key, "labels": labels, "name": name}
        if ours:  # a deployment of an earlier version declares that it takes an object only
            body |= {"work_queue_name": str(priority), "enforce_parameter_schema": False}
            body["parameters"] = {"parameters": sealed(parameters)} if parameters else {}
        else:
            body["parameters"] = dict(parameters)
        try:
            with translated():
                answer = await self._client.request(
                    "POST", "/deployments/{id}/create_flow_run", path_params={"id": task.deployment_id}, json=body
                )
        except Gone as error:
            raise Conflict(f"Task {task.id!r} has lost its deployment; reload and try again") from error
        except EngineRefused as error:
            if ours:
                raise
            raise Invalid.of("parameters", "the deployment does not take these parameters") from error
        return run_of(FlowRun.model_validate(answer.json()), self._clock.now())

    async def cancel(self, run_id: str) -> None:
        """Request the cancellation. A run without a process is cancelled at once, by Prefect's own rule."""
        await self._set_state(run_id, Cancelling())

    async def conclude(self, execution: Execution, *, died: bool = False) -> None:
        """Give the run the end that its execution has, in any state. Prefect frees its slot then."""
        await self._set_state(execution.id, state_of_end(execution, died=died), force=True)

    async def name_skip(self, run_id: str, message: str) -> None:
        """Name the Cancelled state of a skipped run so."""
        await self._set_state(run_id, Cancelled(name=SKIPPED, message=message), force=True)

    async def _set_state(self, run_id: str, state: Any, *, force: bool = False) -> None:
        """Propose a state. Without `force` Prefect refuses it for an ended run, as intended."""
        if not is_uuid(run_id):
            return
        try:
            with translated():
                await self._client.set_flow_run_state(UUID(run_id), state, force=force)
        except Gone:
            return

    async def find(self, run_id: str) -> Run | None:
        """One run."""
        return (await self.of_ids([run_id])).get(run_id)

    async def of_ids(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Several runs, in requests of at most `PAGE`. An id that can't be one of Prefect's is left out."""
        found: dict[str, Run] = {}
        wanted = [each for each in run_ids if is_uuid(each)]
        for start in range(0, len(wanted), PAGE):
            flow_runs = await self.reading.of_ids(wanted[start : start + PAGE])
            found |= {str(flow_run.id): run_of(flow_run, self._clock.now()) for flow_run in flow_runs}
        return found

    async def unfinished(self, deployment_id: str) -> Sequence[Run]:
        """Runs of one deployment that wait or are at work."""
        now = self._clock.now()
        wanted = {
            "deployment_id": {"any_": [deployment_id]},
            "state": {"type": {"any_": UNFINISHED}},
            "expected_start_time": {"before_": now},
        }
        return [run_of(flow_run, now) async for page in self.reading.pages(wanted) for flow_run in page]

    async def changed_between(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Run]]:
        """Runs of every deployment that began, ended or fell due in that time. Reads one page ahead of its user."""
        now = self._clock.now()
        span = {"after_": since, "before_": until}
        wanted = {"operator": "or_", "start_time": span, "end_time": span, "expected_start_time": span}
        async with aclosing(one_ahead(self.reading.pages(wanted))) as batches:
            async for batch in batches:
                yield [run_of(flow_run, now) for flow_run in batch if flow_run.deployment_id is not None]

    async def at_work(self) -> AsyncIterator[Sequence[Run]]:
        """Runs in our pool from the claim to the end."""
        now = self._clock.now()
        async for batch in self.reading.pages({"state": {"type": {"any_": AT_WORK}}}, IN_POOL):
            yield [run_of(flow_run, now) for flow_run in batch if flow_run.deployment_id is not None]

    async def claim_patience(self) -> timedelta:
        """By the type of our pool, which is read once."""
        if self._pool_type is None:
            try:
                with translated():
                    self._pool_type = (await self._client.read_work_pool(POOL)).type
            except Gone:
                return SLOW_START
        return WARM_START if self._pool_type == POOL_TYPE else SLOW_START

    async def waiting(self) -> int:
        """Runs in our pool that are due and not yet at work."""
        wanted = FlowRunFilter.model_validate(
            {
                "state": {"type": {"any_": WAITING}},
                "next_scheduled_start_time": {"before_": self._clock.now()},
            }
        )
        with translated():
            return await self._client.count_flow_runs(flow_run_filter=wanted, work_pool_filter=POOL_FILTER)

    async def delete_ended_before(self, instant: datetime, limit: int) -> int:
        """Delete ended runs of our pool, those that can't be read too."""
        wanted = {"state": {"type": {"any_": ENDED}}, "end_time": {"before_": instant}}
        return await self.delete((await self.reading.ids(wanted, IN_POOL))[:limit])

    async def delete_ended(self, run_ids: Sequence[str]) -> int:
        """Delete those of the runs that have ended. Returns how many were deleted."""
        return await delete_runs(self._client, self.reading, run_ids, ENDED)

    async def delete(self, run_ids: Sequence[str]) -> int:
        """Delete runs in any state. Returns how many were deleted."""
        return await delete_runs(self._client, self.reading, run_ids)

    async def begun(self, deployment_ids: Sequence[str]) -> AsyncIterator[Sequence[Run]]:
        """Every run of these deployments that is due, at work or over, a page after the other."""
        now = self._clock.now()
        of = {"deployment_id": {"any_": [*deployment_ids]}}
        due = {"state": {"type": {"any_": [StateType.SCHEDULED]}}, "expected_start_time": {"before_": now}}
        for wanted in (
            due,
            {"state": {"type": {"any_": [each for each in StateType if each != StateType.SCHEDULED]}}},
        ):
            async for batch in self.reading.pages({**of, **wanted}):
                yield [run_of(flow_run, now) for flow_run in batch]

    async def of_deployment(self, deployment_id: str) -> AsyncIterator[Sequence[Run]]:
        """Every run of a deployment, those ahead of time too, a page after the other."""
        now = self._clock.now()
        async for batch in self.reading.pages({"deployment_id": {"any_": [deployment_id]}}):
            yield [run_of(flow_run, now) for flow_run in batch]
