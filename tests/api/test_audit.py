"""Every change leaves an entry: who, what, before and after, when, through which door. No change is without one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.audit import Action, AuditEntry, Origin
from falcon_scheduler.core.services.mirror.engine_changes import EngineChanges
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from tests.api.conftest import BASE, bearer, faults, token_of
from tests.api.facade_process import start_facade
from tests.conftest import NEVER, wait_until

NOOP = {"function_name": "noop", "module": "builtin"}
Make = Callable[..., Any]


async def entries(admin: httpx.AsyncClient, **wanted: Any) -> list[Any]:
    """The newest first."""
    answer = await admin.get("/audit", params={"page_size": 100, **wanted})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["entries"]
    return found


async def test_every_kind_of_change_leaves_one_entry_that_says_who_did_what(
    make: Make, admin: httpx.AsyncClient
) -> None:
    task = await make()
    path = f"/tasks/{task['id']}"
    await admin.put(path, json={"schedule": "@daily"})
    for word in ("pause", "resume", "disable", "enable", "execute", "stop"):
        assert (await admin.post(f"{path}/{word}")).status_code in {200, 202}
    assert (await admin.delete(path)).status_code == 200
    found = await entries(admin, task_id=task["id"], user="the-admin")
    done = ["create", "update", "pause", "resume", "disable", "enable", "execute", "stop", "delete"]
    assert [entry["action"] for entry in reversed(found)] == done
    some = await entries(admin, task_id=task["id"], action=["update", "create", "disable"])
    assert [entry["action"] for entry in some] == ["disable", "update", "create"]
    for entry in found:
        assert (entry["outcome"], entry["user"], entry["character_id"]) == ("applied", "the-admin", 1)
        assert (entry["door"], entry["task_id"]) == ("api", task["id"])
        assert entry["at"] <= entry["ended_at"]
    assert len({entry["request_id"] for entry in found}) == len(found)

    async def nobody_elses() -> bool:
        return len(await entries(admin, task_id=task["id"])) == len(found)

    await wait_until(nobody_elses, "no other hand shows in the audit")


async def test_an_entry_has_the_id_of_its_request_and_only_the_fields_that_changed(
    make: Make, admin: httpx.AsyncClient
) -> None:
    config = {"url": "https://example.com/a", "headers": {"X-A": "1", "X-B": "2"}}
    task = await make(type="http", config=config)
    change = {"config": {**config, "headers": {"X-A": "1", "X-B": "3"}}, "metadata": {"timeout": "2m"}}
    request_id = uuid.uuid4().hex
    await admin.put(f"/tasks/{task['id']}", json=change, headers={"X-Request-ID": request_id})
    [entry] = await entries(admin, task_id=task["id"], action="update")
    assert entry["request_id"] == request_id
    concealed = {"headers": {"X-B": "[concealed]"}}
    assert entry["before"] == {"timeout": "5m0s", "config": concealed}
    assert entry["after"] == {"timeout": "2m0s", "config": concealed}


async def test_a_created_and_a_deleted_task_are_kept_whole(make: Make, admin: httpx.AsyncClient) -> None:
    task = await make(tags=["a", "b"])
    await admin.delete(f"/tasks/{task['id']}")
    deleted, created = await entries(admin, task_id=task["id"])
    assert (created["before"], deleted["after"]) == ({}, {})
    for picture in (created["after"], deleted["before"]):
        assert (picture["name"], picture["schedule"], picture["tags"]) == (task["name"], NEVER, ["a", "b"])
        assert picture["config"]["parameters"] == {"greeting": "o7"}


async def test_a_switch_thrown_twice_changes_nothing_the_second_time(make: Make, admin: httpx.AsyncClient) -> None:
    task = await make()
    for _ in range(2):
        await admin.post(f"/tasks/{task['id']}/pause")
    again, first = await entries(admin, task_id=task["id"], action="pause")
    assert (first["before"], first["after"]) == ({"paused": False}, {"paused": True})
    assert (again["before"], again["after"]) == ({}, {})


async def test_an_execution_is_reported_with_its_id_and_its_parameters(make: Make, admin: httpx.AsyncClient) -> None:
    task = await make()
    body = {"parameters": {"greeting": "fly safe", "api_key": "planted-in-parameters"}, "priority": "high"}
    execution = (await admin.post(f"/tasks/{task['id']}/execute", json=body)).json()
    [entry] = await entries(admin, task_id=task["id"], action="execute")
    assert entry["after"] == {
        "execution_id": execution["execution_id"],
        "parameters": {"greeting": "fly safe", "api_key": "[concealed]"},
        "priority": "high",
    }


async def test_what_is_refused_gives_the_reason(make: Make, admin: httpx.AsyncClient) -> None:
    taken, task = await make(), await make()
    assert (await admin.put(f"/tasks/{task['id']}", json={"name": taken["name"]})).status_code == 409
    [entry] = await entries(admin, task_id=task["id"], action="update")
    assert (entry["outcome"], entry["error"]) == ("refused", "name_taken")
    assert (entry["before"], entry["after"]) == ({"name": task["name"]}, {"name": taken["name"]})
    assert (await admin.post("/tasks/nobody/pause")).status_code == 404
    assert (await entries(admin, task_id="nobody"))[0]["error"] == "task_not_found"


async def test_many_at_once_share_the_request_and_its_door(make: Make, admin: httpx.AsyncClient) -> None:
    ids = [(await make())["id"] for _ in range(3)]
    answer = await admin.post("/tasks/bulk", json={"task_ids": ids, "operation": "disable"})
    found = [entry for task_id in ids for entry in await entries(admin, task_id=task_id, action="disable")]
    assert {entry["request_id"] for entry in found} == {answer.headers["x-request-id"]}
    assert [entry["door"] for entry in found] == ["bulk"] * 3

    body = {"name": f"imported {uuid.uuid4()}", "type": "function", "schedule": NEVER, "config": NOOP}
    for overwrite in (False, True):
        answer = await admin.post(
            "/tasks/import", json={"tasks": [body | {"enabled": not overwrite}], "overwrite": overwrite}
        )
    [imported] = answer.json()["imported_tasks"]
    update, create = await entries(admin, task_id=imported["id"])
    assert (create["action"], create["door"]) == ("create", "import")
    assert (update["action"], update["door"], update["after"]) == ("update", "import", {"enabled": False})
    await admin.delete(f"/tasks/{imported['id']}")


async def test_a_reload_that_somebody_asks_for_is_reported(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/reload")
    entry = (await entries(admin, action="reload"))[0]
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert "task_id" not in entry
    assert entry["after"]["failed"] == []


async def test_a_switch_thrown_in_prefect_is_reported_as_prefects(
    make: Make, admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    stored = await services.stores.tasks.get(task["id"])
    assert stored.deployment_id
    await services.engine.client.pause_deployment(uuid.UUID(stored.deployment_id))

    async def told() -> list[Any]:
        of_prefect = await entries(admin, task_id=task["id"], user="prefect")
        return [each for each in of_prefect if each["outcome"] != "intended"]

    entry = (await wait_until(told, "the audit tells of the pause in Prefect"))[0]
    assert (entry["action"], entry["door"], entry["outcome"]) == ("pause", "prefect", "applied")
    assert entry["after"] == {"paused": True}
    assert "request_id" not in entry


async def test_our_own_pause_that_is_seen_in_prefect_in_between_is_not_reported_as_prefects(
    make: Make, admin: httpx.AsyncClient, services: Services
) -> None:
    task = await make()
    before = await services.stores.tasks.get(task["id"])
    assert before.deployment_id
    assert (await admin.post(f"/tasks/{task['id']}/pause")).status_code == 200
    paused = (await services.engine.deployments.of_ids([before.deployment_id]))[0]
    follower = EngineChanges(
        tasks=services.stores.tasks,
        deployments=services.engine.deployments,
        deploying=TaskDeploying(
            tasks=services.stores.tasks,
            deployments=services.engine.deployments,
            plans=services.engine.plans,
            clock=services.stores.clock,
        ),
        clock=services.stores.clock,
        audit=services.audit,
    )
    await follower.take_over(before, paused)
    assert [entry["user"] for entry in await entries(admin, task_id=task["id"], action="pause")] == ["the-admin"]


async def test_entries_are_found_by_user_action_and_instant_page_by_page(
    make: Make, admin: httpx.AsyncClient, client: httpx.AsyncClient, settings: Settings
) -> None:
    task = await make()
    somebody = f"somebody {uuid.uuid4()}"
    for word in ("pause", "resume", "pause", "resume"):
        headers = bearer(token_of(settings, user_id=somebody, super_admin=True))
        await client.post(f"{BASE}/tasks/{task['id']}/{word}", headers=headers)
    everything = await entries(admin, user=somebody)
    assert [entry["action"] for entry in everything] == ["resume", "pause", "resume", "pause"]
    pauses = await entries(admin, user=somebody, action="pause", outcome="applied")
    assert pauses == [everything[1], everything[3]]

    page = (await admin.get("/audit", params={"user": somebody, "page": 2, "page_size": 3})).json()
    assert page["entries"] == everything[3:]
    assert (page["total"], page["total_pages"]) == (4, 2)

    third, second = everything[1]["at"], everything[2]["at"]
    assert await entries(admin, user=somebody, **{"from": third}) == everything[:2]
    assert await entries(admin, user=somebody, **{"from": second, "to": third}) == everything[2:3]
    assert "query.to" in faults(await admin.get("/audit", params={"from": third, "to": third}))
    assert "query.action" in faults(await admin.get("/audit", params={"action": "shout"}))


async def test_old_entries_are_removed_and_younger_ones_stay(services: Services, admin: httpx.AsyncClient) -> None:
    task_id = f"audited {uuid.uuid4()}"
    for days in (400, 366, 364):
        await services.stores.audit.add(
            AuditEntry(
                id=str(uuid.uuid4()),
                at=datetime.now(UTC) - timedelta(days=days),
                user_id="somebody",
                character_id=1,
                action=Action.PAUSE,
                task_id=task_id,
                origin=Origin(),
            )
        )
    assert await services.audit.clean(timedelta(days=365)) >= 2
    assert len(await entries(admin, task_id=task_id)) == 1


@pytest_asyncio.fixture
async def facade_without_answers_from_prefect(
    services: Services, tmp_path: Path
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A facade of its own, whose Prefect takes every request and answers none."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silence = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    nowhere = f"http://127.0.0.1:{silence.sockets[0].getsockname()[1]}/api"
    address, process = await start_facade(tmp_path / "facade.log", PREFECT_API_URL=nowhere)
    yield address, process
    if process.returncode is None:
        process.kill()
        await process.wait()
    silence.close()


async def test_a_facade_that_dies_in_the_middle_of_a_change_leaves_its_intention(
    make: Make,
    admin: httpx.AsyncClient,
    settings: Settings,
    facade_without_answers_from_prefect: tuple[str, asyncio.subprocess.Process],
) -> None:
    task = await make()
    base, process = facade_without_answers_from_prefect
    headers = bearer(token_of(settings, user_id="the unlucky", super_admin=True))
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:

        async def answers() -> bool:
            try:
                return (await client.get(f"{BASE}/tasks/{task['id']}")).is_success
            except httpx.TransportError:
                return False

        await wait_until(answers, "the facade answers")
        asking = asyncio.create_task(client.post(f"{BASE}/tasks/{task['id']}/pause"))

        async def is_paused() -> bool:
            return bool((await admin.get(f"/tasks/{task['id']}")).json()["status"] == "paused")

        await wait_until(is_paused, "the pause is in MongoDB")
        process.kill()
        with pytest.raises(httpx.TransportError):
            await asking
    [entry] = await entries(admin, task_id=task["id"], user="the unlucky")
    assert (entry["action"], entry["outcome"], entry["after"]) == ("pause", "intended", {"paused": True})
    assert "ended_at" not in entry
