"""What a query may hold: known names, each once. A filter that is misspelt never answers with everything."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from fastapi.routing import APIRouter

from api_facade import query_policy
from api_facade.declared import LeanRoute
from api_facade.handlers import install_handlers
from api_facade.query_policy import UnknownNames
from api_facade.schemas.tasks import TaskQuery
from tests.api.conftest import BASE, faults


@pytest.mark.parametrize(
    ("path", "location", "said"),
    [
        ("/tasks?page=1&page=2", "query.page", "more than once"),
        ("/tasks?status=failed&status=failed", "query.status", "more than once"),
        ("/executions?from=2026-01-01T00:00:00Z&from=2026-01-02T00:00:00Z", "query.from", "more than once"),
        ("/tasks?stauts=failed", "query.stauts", "did you mean status?"),
        ("/tasks?pageSize=5", "query.pageSize", "did you mean page_size?"),
        ("/tasks/export?tags=a", "query.tags", "not known here"),
        ("/executions?since=2026-01-01T00:00:00Z", "query.since", "known are"),
        ("/tasks/system-health-check?page=1", "query.page", "there are none"),
        ("/executors?x", "query.x", "there are none"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused_by_its_name(
    admin: httpx.AsyncClient, path: str, location: str, said: str
) -> None:
    assert said in faults(await admin.get(path))[location]


async def test_all_that_is_wrong_with_a_query_comes_at_once(admin: httpx.AsyncClient) -> None:
    found = faults(await admin.get("/tasks?page=0&status=x&enabled=true&enabled=false&bogus=1"))
    assert found.keys() == {"query.page", "query.status", "query.enabled", "query.bogus"}


async def test_a_query_of_a_change_is_judged_before_anything_changes(admin: httpx.AsyncClient) -> None:
    answer = await admin.post("/tasks/system-health-check/pause?dry_run=true")
    assert "query.dry_run" in faults(answer)
    assert (await admin.get("/tasks/system-health-check")).json()["status"] != "paused"


async def test_who_is_asking_is_asked_before_the_query_is_judged(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{BASE}/tasks?bogus=1")).status_code == 401


async def test_a_list_may_be_given_in_parts_and_a_probe_may_add_a_name(
    admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    assert (await admin.get("/tasks?tags=a&tags=b")).status_code == 200
    probe = await client.get(f"{BASE}/status?_=17")
    assert probe.status_code == 200
    assert probe.headers["warning"].startswith('299 - "query._ is not known here')


async def test_a_route_may_answer_with_a_warning_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_policy, "POLICIES", {"lenient": UnknownNames.WARN})
    router = APIRouter(route_class=LeanRoute)

    @router.get("/lenient")
    async def lenient(query: Annotated[TaskQuery, Query()]) -> Mapping[str, Any]:
        return {"page": query.page}

    app = FastAPI()
    app.include_router(router)
    install_handlers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        answer = await client.get("/lenient?page=3&sort=%22na%0Ame")
        assert (answer.status_code, answer.json()) == (200, {"page": 3})
        assert answer.headers["warning"].startswith('299 - "query.sort is not known here')
        assert (await client.get("/lenient?page=3&page=4")).status_code == 400


async def test_a_body_with_a_byte_order_mark_is_read_and_a_packed_one_is_refused(admin: httpx.AsyncClient) -> None:
    body = json.dumps({"schedule": "@hourly", "count": 1}).encode()
    headers = {"Content-Type": "application/json"}
    marked = await admin.post("/schedules/preview", content=b"\xef\xbb\xbf" + body, headers=headers)
    assert marked.status_code == 200, marked.text
    for encoding in ("gzip", "br", "deflate, gzip"):
        packed = {**headers, "Content-Encoding": encoding}
        answer = await admin.post("/schedules/preview", content=gzip.compress(body), headers=packed)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
        assert "Content-Encoding" in answer.json()["detail"]
    plain = {**headers, "Content-Encoding": "identity"}
    assert (await admin.post("/schedules/preview", content=body, headers=plain)).status_code == 200
