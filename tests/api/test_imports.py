"""An export is an import: exported, wiped and imported, the tasks are what they were."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.principal import Permission
from falcon_scheduler.core.domain.redaction import CONCEALED
from tests.api.conftest import BASE, bearer, faults, token_of
from tests.api.grants import caller_with
from tests.conftest import NEVER, wait_until

Make = Callable[..., Any]
NOOP = {"function_name": "noop", "module": "builtin"}
WHOLE = {"tasks", "format_version", "exported_at"}


def task(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "function", "schedule": NEVER, "config": NOOP, **fields}


def own(name: str) -> str:
    return f"{name} {uuid.uuid4().hex[:8]}"


async def exported(admin: httpx.AsyncClient, *ids: str) -> list[dict[str, Any]]:
    answer = await admin.get("/tasks/export")
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["tasks"] if each["id"] in ids]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcdefgh_.-ÄÖ", min_size=1, max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "max_retries": st.integers(0, 10),
        "retry_interval": st.sampled_from(["1s", "90s", "1h", "1m30.5s"]),
        "timeout": st.sampled_from(["30s", "1h30m", "24h"]),
        "tags": st.lists(st.sampled_from(["a", "b c", "x:y/z"]), max_size=3, unique=True),
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Chatham"]),
        "overlap": st.sampled_from(["skip", "queue", "cancel_running"]),
        "alerts": st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.booleans(),
                "failures_in_a_row": st.integers(1, 100),
                "late_after": st.just("1m"),
                "expect_success": st.just({"period": "24h0m0s", "grace": "5m0s", "while_paused": True}),
            },
        ),
    },
)
configs = st.one_of(
    st.dictionaries(st.text("abcxyz", min_size=1, max_size=5), plain, max_size=3).map(
        lambda parameters: ("function", {"function_name": "echo", "module": "builtin", "parameters": parameters})
    ),
    plain.map(
        lambda body: (
            "http",
            {
                "url": "https://bob:pl4nted@example.com/?token=pl4nted",
                "headers": {"X-Auth-Token": "{{ prefect.blocks.secret.a }}", "X-Api-Key": "pl4nted"},
                "body": body,
            },
        )
    ),
)
definitions = st.fixed_dictionaries(
    {"typed": configs, "paused": st.booleans(), "enabled": st.booleans()},
    optional={
        "description": st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40).map(str.strip),
        "priority": st.sampled_from(["low", "normal", "high", "critical"]),
        "metadata": metadata,
        "schedule": st.sampled_from(["@yearly", "CRON_TZ=Asia/Tokyo 0 0 9 1 1 *", NEVER, "@every 8760h"]),
    },
)


@pytest.mark.timeout(300)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=st.lists(definitions, min_size=1, max_size=3))
async def test_exported_wiped_and_imported_all_tasks_are_what_they_were(
    admin: httpx.AsyncClient, services: Services, drawn: list[Mapping[str, Any]]
) -> None:
    ids = []
    for each in drawn:
        type, config = each["typed"]
        fields = {name: value for name, value in each.items() if name not in {"typed", "paused"}}
        created = await admin.post("/tasks", json=task(own("identity"), **{**fields, "type": type, "config": config}))
        assert created.status_code == 201, created.text
        ids.append(created.json()["id"])
        if each["paused"]:
            await admin.post(f"/tasks/{ids[-1]}/pause")
    before = await exported(admin, *ids)
    stored = [(await services.stores.tasks.get(each)) for each in ids]
    for each in ids:
        assert (await admin.delete(f"/tasks/{each}")).status_code == 200
    document = {**(await admin.get("/tasks/export")).json(), "tasks": before}
    assert document.keys() == WHOLE
    answer = (await admin.post("/tasks/import", json=document)).json()
    assert (answer["imported"], answer["skipped"], answer["failed"]) == (len(ids), 0, 0), answer
    assert await exported(admin, *ids) == before
    for was in stored:
        now = await services.stores.tasks.get(was.id)
        assert (now.definition, now.paused) == (was.definition, was.paused)
        [deployed] = await services.engine.deployments.of_ids([str(now.deployment_id)])
        assert deployed.as_deployed.active is was.fires, "an import starts nothing that was held"
        await admin.delete(f"/tasks/{was.id}")


async def test_a_whole_export_is_accepted_as_it_is_again_and_again(make: Make, admin: httpx.AsyncClient) -> None:
    made = await make()
    document = (await admin.get("/tasks/export")).json()
    assert {each["source"] for each in document["tasks"]} >= {"api", "system"}
    skipped = (await admin.post("/tasks/import", json=document)).json()
    assert (skipped["imported"], skipped["failed"], skipped["total"]) == (0, 0, len(document["tasks"])), skipped
    again = (await admin.post("/tasks/import", json={**document, "overwrite": True})).json()
    assert (again["failed"], made["id"] in {each["id"] for each in again["imported_tasks"]}) == (0, True), again
    assert (await admin.get("/tasks/export")).json()["tasks"] == document["tasks"]


async def test_an_import_sets_the_switches_of_a_system_task_and_nothing_else_of_it(admin: httpx.AsyncClient) -> None:
    [present] = await exported(admin, "system-state-cleanup")
    wanted = {**present, "paused": True, "schedule": "@yearly", "description": "changed"}
    answer = (await admin.post("/tasks/import", json={"tasks": [wanted], "overwrite": True})).json()
    assert answer["imported"] == 1, answer
    assert await exported(admin, "system-state-cleanup") == [{**present, "paused": True}]
    await admin.post("/tasks/import", json={"tasks": [present], "overwrite": True})
    assert await exported(admin, "system-state-cleanup") == [present]


async def test_a_name_or_an_id_that_appears_twice_is_one_fault_that_names_both_places(
    admin: httpx.AsyncClient,
) -> None:
    name, id = own("twice"), str(uuid.uuid4())
    bodies = [task(name, id=id), task(own("other")), task(name), task(own("another"), id=id)]
    found = faults(await admin.post("/tasks/import", json={"tasks": bodies}))
    assert found == {
        "tasks.2.name": "is the name of tasks.0 too; give it once",
        "tasks.3.id": "is the id of tasks.0 too; give it once",
    }
    assert (await admin.get("/tasks", params={"q": name})).json()["total"] == 0, "nothing was begun"


async def test_what_is_wrong_with_an_imported_task_is_reported_by_field(admin: httpx.AsyncClient) -> None:
    bodies = [
        task(own("wrong"), id="system-x"),
        task(own("wrong"), paused="yes", schedule="never"),
        task(own("wrong"), source="elsewhere"),
        task(own("wrong"), type="http", config={"url": "https://a.example", "headers": {"X-Api-Key": CONCEALED}}),
    ]
    answer = (await admin.post("/tasks/import", json={"tasks": bodies})).json()
    named = [{fault["location"] for fault in failure["errors"]} for failure in answer["failed_tasks"]]
    assert named == [{"id"}, {"paused", "schedule"}, {"source"}, {"config.headers.X-Api-Key"}]
    wrong = await admin.post("/tasks/import", json={"tasks": bodies, "format_version": 2})
    assert "format_version" in faults(wrong)


async def test_a_readers_export_keeps_the_secrets_that_it_does_not_show(
    make: Make, admin: httpx.AsyncClient, client: httpx.AsyncClient, settings: Settings
) -> None:
    config = {"url": "https://a.example/", "headers": {"X-Api-Key": "pl4nted"}}
    made = await make(type="http", config=config)
    seen = (await client.get(f"{BASE}/tasks/export", headers=bearer(token_of(settings)))).json()
    mine = [{**each, "description": "changed"} for each in seen["tasks"] if each["id"] == made["id"]]
    assert "pl4nted" not in str(mine)
    answer = (await admin.post("/tasks/import", json={"tasks": mine, "overwrite": True})).json()
    assert answer["imported"] == 1, answer
    now = (await admin.get(f"/tasks/{made['id']}")).json()
    assert (now["description"], now["config"]) == ("changed", config)


async def test_an_export_comes_in_parts_that_are_imports_each(make: Make, admin: httpx.AsyncClient) -> None:
    for _ in range(2):
        await make()
    whole = (await admin.get("/tasks/export")).json()["tasks"]
    parts, after = [], None
    while True:
        part = (await admin.get("/tasks/export", params={"limit": 3} | ({"after": after} if after else {}))).json()
        parts += part["tasks"]
        assert (await admin.post("/tasks/import", json=part)).json()["failed"] == 0
        after = part.get("next_after")
        if after is None:
            break
    assert parts == whole


async def test_an_import_that_was_cut_off_goes_on_where_it_stopped(
    admin: httpx.AsyncClient, services: Services
) -> None:
    bodies = [task(own("cut"), id=str(uuid.uuid4()), paused=True) for _ in range(8)]
    request = asyncio.create_task(admin.post("/tasks/import", json={"tasks": bodies}))

    async def begun() -> Any:
        return await services.stores.database["scheduler_tasks"].find_one({"_id": bodies[1]["id"]})

    await wait_until(begun, "the import is at work")
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    found = [each async for each in services.stores.database["scheduler_tasks"].find({"name": {"$regex": "^cut "}})]
    assert all(each["scheduler"]["paused"] for each in found), "no task stands without its pause"
    answer = (await admin.post("/tasks/import", json={"tasks": bodies})).json()
    assert (answer["failed"], answer["imported"] + answer["skipped"]) == (0, 8), answer
    await services.reconcile.reload()
    for body in bodies:
        stored = await services.stores.tasks.get(body["id"])
        [deployed] = await services.engine.deployments.of_ids([str(stored.deployment_id)])
        assert not deployed.as_deployed.active
        await admin.delete(f"/tasks/{body['id']}")


async def test_an_overwrite_throws_a_switch_only_for_those_who_may(
    make: Make,
    client: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    settings: Settings,
    mongo_database: AsyncDatabase[dict[str, Any]],
) -> None:
    made = await make()
    [present] = await exported(admin, made["id"])
    document = {"tasks": [{**present, "paused": True}], "overwrite": True}
    async with caller_with(mongo_database, settings, Permission.CREATE, Permission.UPDATE) as headers:
        answer = (await client.post(f"{BASE}/tasks/import", json=document, headers=headers)).json()
        assert [each["code"] for each in answer["failed_tasks"]] == ["permission_missing"]
        unchanged = {"tasks": [{**present, "description": "new"}], "overwrite": True}
        answer = (await client.post(f"{BASE}/tasks/import", json=unchanged, headers=headers)).json()
        assert answer["imported"] == 1, answer
    assert await exported(admin, made["id"]) == [{**present, "description": "new"}]
