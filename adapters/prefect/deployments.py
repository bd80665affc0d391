"""Our tasks as Prefect's deployments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.deployment_body import (
    can_be_patched,
    changed_at,
    changes_made,
    deployment_body,
    fingerprint_of,
    is_active,
    patch_of,
    runs_type,
    taken_back,
)
from falcon_scheduler.adapters.prefect.deployment_reading import PAGE, DeploymentReading
from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.foreign import foreign_deployed
from falcon_scheduler.adapters.prefect.names import ADOPTION_TAG, FLOWS, POOL, flow_name
from falcon_scheduler.adapters.prefect.removing import DeploymentRemoval
from falcon_scheduler.adapters.prefect.runs import PrefectRuns
from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import DeployedAs, Source, Task
from falcon_scheduler.core.errors import Conflict, EngineRefused
from falcon_scheduler.core.ports import Clock

OURS: dict[str, Any] = {"flows": {"name": {"any_": [*FLOWS.values()]}}}
TAGGED: dict[str, Any] = {"deployments": {"tags": {"all_": [ADOPTION_TAG]}}}
NO_FLOW = "00000000-0000-0000-0000-000000000000"


class PrefectDeployments:
    """See `core.ports.Deployments`."""

    def __init__(self, client: PrefectClient, clock: Clock, runs: PrefectRuns) -> None:
        """`runs` ends and removes what a removed deployment leaves behind."""
        self._client = client
        self._clock = clock
        self._removal = DeploymentRemoval(client, runs)
        self._reading = DeploymentReading(client)
        self._flow_ids: dict[str, str] = {}
        self._flow_names_by_id: dict[str, str] = {}

    async def deploy(self, task: Task) -> DeployedAs:
        """Create or change the deployment. Prefect drops what it had planned ahead in the same step.

        A change keeps the deployment's schedules, so that Prefect recognises the runs that it has planned. Only when
        there are fewer of them than before they are created again.
        """
        if task.source is Source.IMPORT:
            return await self._switch(task)
        name = flow_name(task.definition.type)
        try:
            deployment_id = await self._change(task, name)
        except Gone:  # the flow or the deployment was deleted in Prefect since we saw it
            self._flow_ids.pop(name, None)
            try:
                with translated():
                    deployment_id = (await self._post(task, name))["id"]
            except Gone as error:
                raise EngineRefused(404, f"its work pool {POOL!r} is not there") from error
        return self._sent(deployment_id, task)

    def _sent(self, deployment_id: str, task: Task) -> DeployedAs:
        """What was sent to the engine. A schedule that can't be read, or fires too far ahead, is not active there."""
        body = deployment_body(task, NO_FLOW, self._clock.now())
        return DeployedAs(id=deployment_id, active=is_active(body), fingerprint=fingerprint_of(body))

    async def _change(self, task: Task, flow: str) -> str:
        """Raises `Gone`."""
        with translated():
            if task.deployed is None:
                return str((await self._post(task, flow))["id"])
            path = {"id": task.deployed.id}
            present = (await self._client.request("GET", "/deployments/{id}", path_params=path)).json()
            body = deployment_body(task, await self._flow_id(flow), self._clock.now())
            if can_be_patched(present, body):
                await self._client.request("PATCH", "/deployments/{id}", path_params=path, json=patch_of(body))
                return task.deployed.id
            made = (await self._client.request("POST", "/deployments/", json=body)).json()
            if made["id"] != task.deployed.id:  # another flow: the former deployment plans nothing more
                await self._client.request("PATCH", "/deployments/{id}", path_params=path, json={"paused": True})
            return str(made["id"])

    async def _switch(self, task: Task) -> DeployedAs:
        """The one thing that we do to a deployment of somebody else's: hold its schedules, and let them go."""
        if task.deployed is None:
            raise Conflict(f"Task {task.id!r} has lost its deployment")
        try:
            with translated():
                await self._client.request(
                    "PATCH",
                    "/deployments/{id}",
                    path_params={"id": task.deployed.id},
                    json={"paused": not task.fires},
                )
        except Gone as error:
            raise Conflict(f"Task {task.id!r} has lost its deployment") from error
        return replace(task.deployed, active=task.fires)

    async def _post(self, task: Task, name: str) -> Any:
        body = deployment_body(task, await self._flow_id(name), self._clock.now())
        return (await self._client.request("POST", "/deployments/", json=body)).json()

    async def _flow_id(self, name: str) -> str:
        if name not in self._flow_ids:
            self._flow_ids[name] = str(await self._client.create_flow_from_name(name))
        return self._flow_ids[name]

    async def remove(self, task: Task) -> None:
        """Remove the deployment that was sent last, or, where that is not there, those that have the task's name.

        Others of the name remain from a change of type by an earlier version; they are paused, and the reload
        removes them.
        """
        if task.deployment_id and await self._removal.remove(task.deployment_id):
            return
        ids = set()
        wanted = {"deployments": {"name": {"any_": [task.id]}}, "flows": {"name": {"any_": [*FLOWS.values()]}}}
        async for batch in self._reading.pages(wanted):
            ids |= {deployment["id"] for deployment in batch}
        for deployment_id in ids:
            await self.remove_deployment(deployment_id)

    async def remove_deployment(self, deployment_id: str) -> None:
        """Cancel what waits or is at work, then delete the deployment and all its runs."""
        await self._removal.remove(deployment_id)

    async def all(self) -> AsyncIterator[Deployed]:
        for wanted in (OURS, TAGGED):
            async for batch in self._reading.pages(wanted):
                for each in await self._as_deployed(batch, wanted is TAGGED):
                    yield each

    async def of_ids(self, deployment_ids: Sequence[str]) -> Sequence[Deployed]:
        found: list[Deployed] = []
        for wanted, foreign in _only(deployment_ids):
            async for batch in self._reading.pages(wanted):
                found += await self._as_deployed(batch, foreign)
        return found

    async def is_there(self, deployment_id: str) -> bool:
        return any([await self._reading.is_there(wanted) for wanted, _ in _only([deployment_id])])

    async def _as_deployed(self, batch: Sequence[Mapping[str, Any]], foreign: bool) -> Sequence[Deployed]:
        if not foreign:
            return self._reading.parsed(batch, lambda each: deployed_of(each, self._clock))
        names = await self._flow_names({deployment["flow_id"] for deployment in batch})
        own = frozenset(FLOWS.values())
        theirs = [each for each in batch if names.get(each["flow_id"], "") not in own]
        return self._reading.parsed(theirs, lambda each: foreign_deployed(each, names[each["flow_id"]]))

    async def _flow_names(self, flow_ids: set[str]) -> Mapping[str, str]:
        """Names of flows. A flow keeps its name, so each is read once."""
        unknown = flow_ids - self._flow_names_by_id.keys()
        if unknown:
            with translated():
                body = {"flows": {"id": {"any_": sorted(unknown)}}, "limit": PAGE}
                answer = await self._client.request("POST", "/flows/filter", json=body)
            self._flow_names_by_id |= {flow["id"]: flow["name"] for flow in answer.json()}
        return self._flow_names_by_id

    async def was_removed(self, deployment_id: str) -> bool:
        body = {
            "filter": {
                "event": {"name": ["prefect.deployment.deleted"]},
                "resource": {"id": [f"prefect.deployment.{deployment_id}"]},
                "occurred": {"since": (self._clock.now() - timedelta(days=7)).isoformat()},
            },
            "limit": 1,
        }
        with translated():
            return bool((await self._client.request("POST", "/events/filter", json=body)).json()["events"])

    def fingerprint(self, task: Task) -> str:
        if task.source is Source.IMPORT:  # its owner decides what it is
            return task.deployed.fingerprint if task.deployed else ""
        return fingerprint_of(deployment_body(task, NO_FLOW, self._clock.now()))


def _only(deployment_ids: Sequence[str]) -> Sequence[tuple[Mapping[str, Any], bool]]:
    """Filters for those of the ids that are ours, and for those that are tagged; and whether they are the latter."""
    named = {"id": {"any_": [*deployment_ids]}}
    return ({**OURS, "deployments": named}, False), ({"deployments": {**named, **TAGGED["deployments"]}}, True)


def deployed_of(deployment: Mapping[str, Any], clock: Clock) -> Deployed:
    """A deployment as the server returned it."""
    task_id = (deployment.get("parameters") or {}).get("task_id") or deployment["name"]
    return Deployed(
        task_id=task_id,
        as_deployed=DeployedAs(
            id=deployment["id"],
            active=is_active(deployment),
            fingerprint=fingerprint_of(deployment),
        ),
        changed_at=changed_at(deployment),
        changes=lambda task: changes_made(deployment, task, clock.now()),
        taken_back=lambda task: taken_back(deployment, task, clock.now()),
        serves=lambda task: runs_type(deployment, task.definition.type),
    )
