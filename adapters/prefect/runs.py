"""Flow runs: asking for them, cancelling them, and finding them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter, WorkPoolFilterName
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelling, Crashed

from adapters.prefect.errors import Gone, translated
from adapters.prefect.names import POOL, TRIGGER_LABEL
from adapters.prefect.states import run_of
from core.domain.execution import Trigger
from core.domain.run import Run
from core.domain.task import Priority, Task
from core.errors import Conflict
from core.ports import Clock

PAGE = 200
"""The most that Prefect's API returns at once. Source: prefect 3.8, `PREFECT_API_DEFAULT_LIMIT`."""
DELETED_AT_ONCE = 50
"""The most that it deletes at once. Source: prefect 3.8, `bulk_delete_flow_runs`."""
BULK_DELETE: Any = "/flow_runs/bulk_delete"  # the client's list of paths does not know it yet
IN_POOL = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
WAITING = [StateType.SCHEDULED, StateType.PENDING]
UNFINISHED = [*WAITING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
ENDED = [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED]


class FlowRuns:
    """The part of `core.ports.RunEngine` that is about runs."""

    def __init__(self, client: PrefectClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def start(self, task: Task, *, parameters: Mapping[str, Any], priority: Priority) -> Run:
        """Ask for a run now."""
        if task.deployment_id is None:
            raise Conflict(f"Task {task.id!r} is not deployed yet; try again")
        try:
            with translated():
                flow_run = await self._client.create_flow_run_from_deployment(
                    UUID(task.deployment_id),
                    parameters={"parameters": dict(parameters)} if parameters else {},
                    work_queue_name=str(priority),
                    labels={TRIGGER_LABEL: str(Trigger.MANUAL)},
                )
        except Gone as error:
            raise Conflict(f"Task {task.id!r} has lost its deployment; reload and try again") from error
        return run_of(flow_run, self._clock.now())

    async def cancel(self, run_id: str) -> None:
        """Ask for the cancellation. What has no process yet is cancelled at once, by Prefect's own rule."""
        await self._set_state(run_id, Cancelling())

    async def crash(self, run_id: str, message: str) -> None:
        """Record that the run's process is gone."""
        await self._set_state(run_id, Crashed(message=message))

    async def _set_state(self, run_id: str, state: Any) -> None:
        """Propose a state. A run that ended refuses it, which is well."""
        try:
            with translated():
                await self._client.set_flow_run_state(UUID(run_id), state)
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

    async def changed_since(self, instant: datetime) -> AsyncIterator[Run]:
        """Runs that began, ended or fell due since, of every deployment."""
        now = self._clock.now()
        wanted = {
            "operator": "or_",
            "start_time": {"after_": instant},
            "end_time": {"after_": instant},
            "expected_start_time": {"after_": instant, "before_": now},
        }
        async for flow_run in self._pages(wanted):
            if flow_run.deployment_id is not None:
                yield run_of(flow_run, now)

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
        wanted = {"deployment_id": {"any_": [deployment_id]}}
        return [str(flow_run.id) async for flow_run in self._pages(wanted)]

    async def _pages(self, wanted: Mapping[str, Any]) -> AsyncIterator[FlowRun]:
        offset = 0
        while batch := await self._read(wanted, offset):
            for flow_run in batch:
                yield flow_run
            if len(batch) < PAGE:
                return
            offset += PAGE

    async def _read(self, wanted: Mapping[str, Any], offset: int = 0) -> Sequence[FlowRun]:
        with translated():
            return await self._client.read_flow_runs(
                flow_run_filter=FlowRunFilter.model_validate(wanted),
                sort=FlowRunSort.ID_DESC,
                limit=PAGE,
                offset=offset,
            )
