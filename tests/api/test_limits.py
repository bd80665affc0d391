"""What is too large, too deep, too slow or not JSON ends with a clear answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import Contract, bearer, faults, token_of
from tests.conftest import NEVER

JSON = {"Content-Type": "application/json"}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"in": value}
    return value


def function_task(**parameters: Any) -> dict[str, Any]:
    config = {"function_name": "echo", "module": "builtin", "parameters": parameters}
    return {"name": "too much", "type": "function", "schedule": NEVER, "config": config}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"null", "must be a JSON object"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": Infinity}', "Infinity"),
        (b'{"name": 1, "name": 2}', "gives a name twice: 'name'"),
        (b'\xff{"name": 1}', "must be UTF-8"),
        (b"[" * 60_000, "nested deeper"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "nested deeper"),
        (b'{"n": ' + b"9" * 5000 + b"}", "too long"),
    ],
)
async def test_what_is_not_json_is_a_400(admin: httpx.AsyncClient, body: bytes, said: str) -> None:
    assert said in faults(await admin.post("/tasks", content=body, headers=JSON))["body"]


@pytest.mark.parametrize(
    ("body", "location"),
    [
        (b'{"name": "half a \\ud800 pair"}', "name"),
        (b'{"config": {"parameters": {"x": 1e999}}}', "config.parameters.x"),
        (b'{"config": {"url": "nul \\u0000"}}', "config.url"),
    ],
)
async def test_values_that_cannot_be_stored_are_named(admin: httpx.AsyncClient, body: bytes, location: str) -> None:
    assert location in faults(await admin.post("/tasks", content=body, headers=JSON))


@pytest.mark.parametrize(
    ("path", "most"),
    [("/tasks", 2**16), ("/tasks/bulk", 2**16), ("/schedules/preview", 2**16), ("/tasks/import", 2**20)],
)
async def test_a_body_has_its_bound_whether_its_length_is_declared_or_not(
    admin: httpx.AsyncClient, path: str, most: int
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    large = await admin.post(path, content=b" " * (most + 1), headers=JSON)
    undeclared = await admin.post(path, content=endless(), headers=JSON)
    assert (large.status_code, undeclared.status_code) == (413, 413)
    assert str(most) in large.json()["detail"]
    assert faults(await admin.post(path, content=b" " * most, headers=JSON))["body"].startswith("is not JSON")


async def test_a_config_has_bounds_of_its_own(admin: httpx.AsyncClient) -> None:
    deep = faults(await admin.post("/tasks", json=function_task(deep=nested(9))))
    assert deep == {"config": "must not be nested deeper than 10 levels"}
    imported = await admin.post("/tasks/import", json={"tasks": [function_task(text="x" * 65536)]})
    [large] = imported.json()["failed_tasks"]
    assert [(each["location"], "65536 bytes" in each["message"]) for each in large["errors"]] == [("config", True)]
    assert "config.parameters.$where" in faults(await admin.post("/tasks", json=function_task(**{"$where": 1})))
    assert faults(await admin.post("/tasks", json=function_task(large=2**63)))


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
async def test_another_media_type_is_a_415(admin: httpx.AsyncClient, content_type: str) -> None:
    answer = await admin.post("/tasks", content=b"{}", headers={"Content-Type": content_type})
    assert answer.status_code == 415


async def test_many_faults_do_not_make_an_answer_of_any_size(admin: httpx.AsyncClient) -> None:
    body = {f"unknown {number}": 1 for number in range(2000)}
    answer = await admin.post("/tasks", json=body)
    assert len(faults(answer)) == 100
    assert "and there are 1903 more" in answer.json()["detail"], "three fields are missing too"
    long_name = {"x" * 60_000: 1}
    assert len((await admin.post("/tasks", json=long_name)).content) < 5000
    values = {"config": {"k" * 30_000: ["\x00"] * 3000}}
    answer = await admin.post("/tasks", json=values)
    assert (len(answer.json()["errors"]), len(answer.content) < 50_000) == (100, True)
    tasks = [{**body, "name": f"faulty {number}"} for number in range(3)]
    for failed in (await admin.post("/tasks/import", json={"tasks": tasks})).json()["failed_tasks"]:
        assert (len(failed["errors"]), failed["error"]) == (10, "it is not valid; 1992 more faults are not named")


@pytest.mark.parametrize(
    "address", ["/tasks?q=" + "x" * 9000, "/tasks?" + "&".join(["tags=a"] * 150), "/tasks/" + "x" * 3000]
)
async def test_a_path_or_query_that_is_too_long_is_not_taken_apart(admin: httpx.AsyncClient, address: str) -> None:
    answer = await admin.get(address)
    assert (answer.status_code, answer.json()["code"]) == (414, "uri_too_long")
    assert (await admin.get("/tasks?" + "&".join(f"tags=tag-{number}" for number in range(50)))).status_code == 200


async def test_more_large_bodies_at_once_than_one_caller_may_send_are_refused_and_others_are_served(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    body = json.dumps({"schedule": "@hourly", "padding": list(range(9000))})

    async def ask(user: str) -> int:
        headers = {**JSON, **bearer(token_of(settings, user_id=user))}
        answer = await client.post("/scheduler/schedules/preview", content=body, headers=headers)
        return answer.status_code

    eager = [asyncio.create_task(ask("eager")) for _ in range(60)]
    await asyncio.sleep(0)
    assert await asyncio.gather(*(ask(f"other {number}") for number in range(3))) == [400] * 3
    answers = set(await asyncio.gather(*eager))
    assert answers == {400, 429}


async def test_a_path_or_method_that_is_not_there_is_a_problem_too(admin: httpx.AsyncClient) -> None:
    for path in ("/nothing", "/tasks/", "/tasks/a/b/c", "/docs/assets/nothing.js"):
        assert (await admin.get(path)).status_code == 404, path
    refused = await admin.patch("/tasks")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")
    assert (await admin.get("/tasks/x/pause")).headers["allow"] == "POST"


async def test_a_head_is_a_get_without_its_body(admin: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    got, headed = await admin.get("/executors"), await admin.head("/executors")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == got.headers["content-length"]
    assert (await client.head("/scheduler/tasks")).status_code == 401


async def test_faults_by_the_hundred_thousand_cost_little(admin: httpx.AsyncClient) -> None:
    tags = ",".join(['""'] * 150_000)
    unknown = ",".join(f'"u{number}":1' for number in range(50_000))
    began = time.process_time()
    for path, most in (("/tasks", 2**16), ("/tasks/import", 2**20)):
        for start, end in ((f'{{"tags":[{tags}', "]}"), (f"{{{unknown}", "}"), ('{"a":1' + ',"a":1' * 150_000, "}")):
            cut = start[: most - 100].rpartition(",")[0]
            assert (await admin.post(path, content=f"{cut}{end}".encode(), headers=JSON)).status_code == 400
    assert time.process_time() - began < 30, "not a matter of minutes: the work grows with the body, not faster"


async def test_a_request_id_is_kept_when_it_is_fit_for_the_log(client: httpx.AsyncClient) -> None:
    kept = await client.get("/scheduler/stats", headers={"X-Request-ID": "trace-42"})
    assert kept.headers["x-request-id"] == "trace-42"
    for unfit in ("a b", "x" * 101, "<script>"):
        answer = await client.get("/scheduler/stats", headers={"X-Request-ID": unfit})
        assert answer.headers["x-request-id"] != unfit
        assert len(answer.headers["x-request-id"]) == 32


async def test_a_caller_that_asks_too_often_is_reported_when_to_come_back_and_others_are_not(
    services: Services, settings: Settings, contract: Contract
) -> None:
    slow = replace(settings, api=settings.api.model_copy(update={"api_rate_limit": 0.02}))
    app = build_app(compose(slow, services), slow)
    hooks = {"response": [contract.check]}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test", event_hooks=hooks) as client:

        async def statuses(path: str, **headers: str) -> list[int]:
            return [(await client.get(f"/scheduler{path}", headers=headers)).status_code for _ in range(2)]

        assert await statuses("/executors", **bearer(token_of(settings, user_id="eager"))) == [200, 429]
        assert await statuses("/executors", **bearer(token_of(settings, user_id="another"))) == [200, 429]
        assert await statuses("/stats") == [200, 429], "those without a token are told apart by address"
        for path in ("/status", "/openapi.json", "/docs"):
            assert await statuses(path) == [429, 429], "everything that asks for no token is counted together"
        refused = await client.get("/scheduler/stats")
        assert 1 <= int(refused.headers["retry-after"]) <= 50
