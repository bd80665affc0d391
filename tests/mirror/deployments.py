"""A task's deployment as Prefect has it."""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import PrefectClient


async def deployment_of(client: PrefectClient, task_id: str) -> dict[str, Any]:
    body = {"deployments": {"name": {"any_": [task_id]}}}
    found: list[dict[str, Any]] = (await client.request("POST", "/deployments/filter", json=body)).json()
    assert len(found) == 1
    return found[0]
