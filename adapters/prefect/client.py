"""Opens Prefect's client and makes what our deployments need: the work pool, its queues, the flows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import WorkerStatus, WorkPool
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.names import FLOWS, POOL, POOL_TYPE, QUEUES

Client = PrefectClient
"""For annotations elsewhere, so that the library's name stays in this room."""


OFFERED_COMMAND = "{{ command }}"
"""How a pool's template passes on the job variable of that name."""


@asynccontextmanager
async def open_client(api_url: str) -> AsyncIterator[PrefectClient]:
    """A client of the server at `api_url`, with the password of Prefect's own settings. Opening does not connect."""
    timeout = httpx.Timeout(15, connect=3, pool=15)
    opening = PrefectClient(
        api_url,
        auth_string=PREFECT_API_AUTH_STRING.value(),
        api_key=PREFECT_API_KEY.value(),
        httpx_settings={"timeout": timeout},
    )
    async with opening as client:
        yield client


@asynccontextmanager
async def client_of_run() -> AsyncIterator[PrefectClient]:
    """The client that Prefect's engine has opened for the flow run that we are in.

    Raises:
        Unavailable: it has opened none, and another can't be opened.
    """
    with translated():
        async with get_client() as client:
            yield client


async def ensure_foundation(client: PrefectClient, base_job_template: dict[str, Any]) -> None:
    """Create the pool, its four queues and the flows where they are missing. Safe to repeat and to race.

    An existing pool of any type stays as it is: an operator may run our deployments on other workers.
    Only the command that pools of earlier versions offer is withdrawn when `base_job_template` offers none.
    """
    with translated():
        try:
            await _withdraw_command(client, await client.read_work_pool(POOL), base_job_template)
        except Exception as error:  # noqa: BLE001 - only "not found" is meant; anything else is raised again
            await _create_pool(client, base_job_template, error)
        present = {queue.name: queue for queue in await client.read_work_queues(work_pool_name=POOL)}
        for priority, number in QUEUES.items():
            await _ensure_queue(client, str(priority), number, present.get(str(priority)))
        for name in FLOWS.values():
            await client.create_flow_from_name(name)


async def _withdraw_command(client: PrefectClient, pool: WorkPool, base_job_template: dict[str, Any]) -> None:
    offered = pool.base_job_template.get("job_configuration", {}).get("command") == OFFERED_COMMAND
    if pool.type != POOL_TYPE or not offered or "command" in base_job_template["job_configuration"]:
        return
    template = deepcopy(pool.base_job_template)
    template["job_configuration"].pop("command")
    template.get("variables", {}).get("properties", {}).pop("command", None)
    await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


async def _create_pool(client: PrefectClient, base_job_template: dict[str, Any], reason: Exception) -> None:
    try:
        with translated():
            raise reason
    except Gone:
        pool = WorkPoolCreate(name=POOL, type=POOL_TYPE, base_job_template=base_job_template)
        try:
            await client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return


async def _ensure_queue(client: PrefectClient, name: str, number: int, present: Any) -> None:
    if present is None:
        try:
            await client.create_work_queue(name, priority=number, work_pool_name=POOL)
        except ObjectAlreadyExists:
            return
    elif present.priority != number:
        await client.update_work_queue(UUID(str(present.id)), priority=number)


async def ping(client: PrefectClient) -> None:
    """Raises `Unavailable` when the server or its database does not answer."""
    with translated():
        await client.request("GET", "/ready")


async def ping_server(client: PrefectClient) -> None:
    """Raises `Unavailable` when the server itself does not answer; its database is not asked."""
    with translated():
        await client.request("GET", "/health")


async def online_workers(client: PrefectClient) -> Sequence[str]:
    """Names of the workers of our pool whose heartbeats arrive."""
    try:
        with translated():
            workers = await client.read_workers_for_work_pool(POOL)
    except Gone:  # no pool yet, so no worker
        return ()
    return [worker.name for worker in workers if worker.status is WorkerStatus.ONLINE]


async def paused_queues(client: PrefectClient) -> Sequence[str]:
    """Names of the work queues of our pool that hand out no work because somebody paused them in Prefect."""
    try:
        with translated():
            return [queue.name for queue in await client.read_work_queues(work_pool_name=POOL) if queue.is_paused]
    except Gone:
        return ()


async def pool_is_paused(client: PrefectClient) -> bool:
    """Whether our pool hands out no work because somebody paused it in Prefect."""
    try:
        with translated():
            return bool((await client.read_work_pool(POOL)).is_paused)
    except Gone:
        return False
