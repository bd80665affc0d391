"""Flow runs: asking for them, cancelling them, and finding them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Cancelling

from adapters.prefect.ahead import one_ahead
from adapters.prefect.errors import EngineRefused, Gone, translated
from adapters.prefect.names import POOL, REFERENCES_LABEL, SKIPPED, TRIGGER_LABEL
from adapters.prefect.states import run_of, state_of_end
from core.domain.execution import Execution, Trigger
from core.domain.run import Run
from core.domain.task import Priority, Source, Task
from core.errors import Conflict, Invalid
from core.ports import Clock

PAGE = 200
"""The most that Prefect's API returns at once. Source: prefect 3.8, `PREFECT_API_DEFAULT_LIMIT`."""
DELETED_AT_ONCE = 50
"""The most that it deletes at once. Source: prefect 3.8, `bulk_delete_flow_runs`."""
BULK_DELETE: Any = "/flow_runs/bulk_delete"  # the client's list of paths does not know it yet
IN_POOL = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
WAITING = [StateType.SCHEDULED, StateType.PENDING]
AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
UNFINISHED = [*WAITING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]


class FlowRuns:
    """The part of `core.ports.RunEngine` that is about runs."""

    def __init__(self, client: PrefectClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def start(self, task: Task, *, parameters: Mapping[str, Any], priority: Priority, may_refer: bool) -> Run:
        """Ask for a run now. A deployment of somebody else's takes its own parameters, in its own queue."""
        if task.deployment_id is None:
            raise Conflict(f"Task {task.id!r} is not deployed yet; try again")
        ours = task.source is not Source.IMPORT
        wanted = {"parameters": dict(parameters)} if ours and parameters else dict(parameters)
        try:
            with translated():
                flow_run = await self._client.create_flow_run_from_deployment(
                    UUID(task.deployment_id),
                    parameters=wanted,
                    work_queue_name=str(priority) if ours else None,
                    labels={TRIGGER_LABEL: str(Trigger.MANUAL), REFERENCES_LABEL: may_refer},
                )
        except Gone as error:
            raise Conflict(f"Task {task.id!r} has lost its deployment; reload and try again") from error
        except EngineRefused as error:
            if ours:
                raise
            raise Invalid.of("parameters", "the deployment does not take these parameters") from error
        return run_of(flow_run, self._clock.now())

    async def cancel(self, run_id: str) -> None:
        """Ask for the cancellation. What has no process yet is cancelled at once, by Prefect's own rule."""
        await self._set_state(run_id, Cancelling())

    async def conclude(self, execution: Execution, *, died: bool) -> None:
        """Give the run the end that its execution has, whatever state it is in. Prefect frees its slot then."""
        await self._set_state(execution.id, state_of_end(execution, died=died), force=True)

    async def name_skip(self, run_id: str, message: str) -> None:
        """Name the Cancelled state of a skipped run so."""
        await self._set_state(run_id, Cancelled(name=SKIPPED, message=message), force=True)

    async def _set_state(self, run_id: str, state: Any, *, force: bool = False) -> None:
        """Propose a state. Without `force` a run that ended refuses it, which is well."""
        try:
            with translated():
                await self._client.set_flow_run_state(UUID(run_id), state, force=force)
        except Gone:
            return

    async def run(self, run_id: str) -> Run | None:
        """One run."""
        try:
            with translated():
                return run_of(await self._client.read_flow_run(UUID(run_id)), self._clock.now())
        except Gone:
            return None

    async def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Several runs, in requests of at most `PAGE`."""
        found: dict[str, Run] = {}
        for start in range(0, len(run_ids), PAGE):
            ids = [*run_ids[start : start + PAGE]]
            flow_runs = await self._read({"id": {"any_": ids}})
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
        return [run_of(flow_run, now) async for flow_run in self._pages(wanted)]

    async def changed_between(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Run]]:
        """Runs of every deployment that began, ended or fell due in that time. Reads one page ahead of its user."""
        now = self._clock.now()
        span = {"after_": since, "before_": until}
        wanted = {"operator": "or_", "start_time": span, "end_time": span, "expected_start_time": span}
        async with aclosing(one_ahead(self._batches(wanted))) as batches:
            async for batch in batches:
                yield [run_of(flow_run, now) for flow_run in batch if flow_run.deployment_id is not None]

    async def at_work(self) -> AsyncIterator[Sequence[Run]]:
        """Runs in our pool from the claim to the end."""
        now = self._clock.now()
        async for batch in self._batches({"state": {"type": {"any_": AT_WORK}}}, IN_POOL):
            yield [run_of(flow_run, now) for flow_run in batch if flow_run.deployment_id is not None]

    async def waiting(self) -> int:
        """Runs in our pool that are due and not yet at work."""
        wanted = FlowRunFilter.model_validate(
            {
                "state": {"type": {"any_": WAITING}},
                "next_scheduled_start_time": {"before_": self._clock.now()},
            }
        )
        with translated():
            return await self._client.count_flow_runs(flow_run_filter=wanted, work_pool_filter=IN_POOL)

    async def delete_ended_before(self, instant: datetime, limit: int) -> int:
        """Delete ended runs of our pool."""
        wanted = FlowRunFilter.model_validate(
            {"state": {"type": {"any_": ENDED}}, "end_time": {"before_": instant}},
        )
        with translated():
            flow_runs = await self._client.read_flow_runs(
                flow_run_filter=wanted, work_pool_filter=IN_POOL, limit=min(limit, PAGE)
            )
        return await self.delete([str(flow_run.id) for flow_run in flow_runs])

    async def delete(self, run_ids: Sequence[str]) -> int:
        """Delete runs, whatever their state."""
        for start in range(0, len(run_ids), DELETED_AT_ONCE):
            ids = [*run_ids[start : start + DELETED_AT_ONCE]]
            with translated():
                body = {"flow_runs": {"id": {"any_": ids}}, "limit": DELETED_AT_ONCE}
                await self._client.request("POST", BULK_DELETE, json=body)
        return len(run_ids)

    async def ids_of_deployment(self, deployment_id: str) -> Sequence[str]:
        """Every run of a deployment, those ahead of time too."""
        return [run.id async for runs in self.of_deployment(deployment_id) for run in runs]

    async def of_deployment(self, deployment_id: str) -> AsyncIterator[Sequence[Run]]:
        """The same as runs, a page after the other."""
        now = self._clock.now()
        async for batch in self._batches({"deployment_id": {"any_": [deployment_id]}}):
            yield [run_of(flow_run, now) for flow_run in batch]

    async def _pages(self, wanted: Mapping[str, Any]) -> AsyncIterator[FlowRun]:
        async for batch in self._batches(wanted):
            for flow_run in batch:
                yield flow_run

    async def _batches(
        self, wanted: Mapping[str, Any], pool: WorkPoolFilter | None = None
    ) -> AsyncIterator[Sequence[FlowRun]]:
        offset = 0
        while batch := await self._read(wanted, offset, pool):
            yield batch
            if len(batch) < PAGE:
                return
            offset += PAGE

    async def _read(
        self, wanted: Mapping[str, Any], offset: int = 0, pool: WorkPoolFilter | None = None
    ) -> Sequence[FlowRun]:
        with translated():
            return await self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(wanted),
                work_pool_filter=pool,
                sort=FlowRunSort.ID_DESC,
                limit=PAGE,
                offset=offset,
            )
