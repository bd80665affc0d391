"""Prefect as `core.ports.RunEngine`: deployments here, runs by `FlowRuns`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prefect.client.orchestration import PrefectClient

from adapters.prefect.deployments import deployment_body, fingerprint_of, is_active
from adapters.prefect.errors import Gone, translated
from adapters.prefect.names import FLOWS, flow_name
from adapters.prefect.runs import PAGE, FlowRuns
from core.domain.run import Deployed, Run
from core.domain.task import DeployedAs, Priority, Task
from core.ports import Clock

NO_FLOW = "00000000-0000-0000-0000-000000000000"


class PrefectRunEngine:
    """See `core.ports.RunEngine`."""

    def __init__(self, client: PrefectClient, clock: Clock) -> None:
        self.client = client
        self._clock = clock
        self._runs = FlowRuns(client, clock)
        self._flow_ids: dict[str, str] = {}

    async def deploy(self, task: Task) -> DeployedAs:
        """Create or replace the deployment. Prefect drops the runs ahead of time of the old one in the same step."""
        name = flow_name(task.definition.type)
        try:
            with translated():
                answer = await self._post(task, name)
        except Gone:  # the flow was deleted in Prefect since we saw it
            self._flow_ids.pop(name, None)
            with translated():
                answer = await self._post(task, name)
        return DeployedAs(id=answer["id"], active=task.fires, fingerprint=self.fingerprint(task))

    async def _post(self, task: Task, name: str) -> Any:
        if name not in self._flow_ids:
            self._flow_ids[name] = str(await self.client.create_flow_from_name(name))
        body = deployment_body(task, self._flow_ids[name], self._clock.now())
        return (await self.client.request("POST", "/deployments/", json=body)).json()

    async def remove(self, task: Task) -> None:
        """Remove the deployment that was told last, and any other of the same name."""
        ids = {task.deployment_id} if task.deployment_id else set()
        wanted = {"deployments": {"name": {"any_": [task.id]}}, "flows": {"name": {"any_": [*FLOWS.values()]}}}
        ids |= {deployment["id"] for deployment in await self._filter(wanted, 0)}
        for deployment_id in ids:
            await self.remove_deployment(deployment_id)

    async def remove_deployment(self, deployment_id: str) -> None:
        """Cancel what is at work, then delete the deployment and all its runs."""
        for run in await self._runs.unfinished(deployment_id):
            await self._runs.cancel(run.id)
        run_ids = await self._runs.ids_of_deployment(deployment_id)
        try:
            with translated():
                await self.client.request("DELETE", "/deployments/{id}", path_params={"id": deployment_id})
        except Gone:
            pass
        still = await self._runs.runs(run_ids)
        await self._runs.delete([run.id for run in still.values() if run.phase.is_terminal])

    async def deployed(self) -> AsyncIterator[Deployed]:
        wanted = {"flows": {"name": {"any_": [*FLOWS.values()]}}}
        offset = 0
        while batch := await self._filter(wanted, offset):
            for deployment in batch:
                yield deployed_of(deployment)
            offset += PAGE

    async def deployed_as(self, deployment_ids: Sequence[str]) -> Sequence[Deployed]:
        wanted = {"flows": {"name": {"any_": [*FLOWS.values()]}}, "deployments": {"id": {"any_": [*deployment_ids]}}}
        return [deployed_of(deployment) for deployment in await self._filter(wanted, 0)]

    async def _filter(self, wanted: Mapping[str, Any], offset: int) -> Sequence[Mapping[str, Any]]:
        body = {**wanted, "offset": offset, "limit": PAGE, "sort": "NAME_ASC"}
        with translated():
            answer: list[dict[str, Any]] = (
                await self.client.request("POST", "/deployments/filter", json=body)
            ).json()
        return answer

    def fingerprint(self, task: Task) -> str:
        return fingerprint_of(deployment_body(task, NO_FLOW, self._clock.now()))

    async def start(self, task: Task, *, parameters: Mapping[str, Any], priority: Priority) -> Run:
        return await self._runs.start(task, parameters=parameters, priority=priority)

    async def cancel(self, run_id: str) -> None:
        await self._runs.cancel(run_id)

    async def crash(self, run_id: str, message: str) -> None:
        await self._runs.crash(run_id, message)

    async def run(self, run_id: str) -> Run | None:
        return await self._runs.run(run_id)

    async def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        return await self._runs.runs(run_ids)

    async def unfinished(self, deployment_id: str) -> Sequence[Run]:
        return await self._runs.unfinished(deployment_id)

    async def changed_since(self, instant: datetime) -> AsyncIterator[Run]:
        async for run in self._runs.changed_since(instant):
            yield run

    async def waiting(self) -> int:
        return await self._runs.waiting()

    async def delete_runs_ended_before(self, instant: datetime, limit: int) -> int:
        return await self._runs.delete_ended_before(instant, limit)


def deployed_of(deployment: Mapping[str, Any]) -> Deployed:
    """A deployment as the server returned it."""
    task_id = (deployment.get("parameters") or {}).get("task_id") or deployment["name"]
    return Deployed(
        task_id=task_id,
        as_told=DeployedAs(
            id=deployment["id"],
            active=is_active(deployment),
            fingerprint=fingerprint_of(deployment),
        ),
    )
