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

from falcon_scheduler.api_facade import query_policy
from falcon_scheduler.api_facade.declared import LeanRoute
from falcon_scheduler.api_facade.handlers import install_handlers
from falcon_scheduler.api_facade.query_policy import UnknownNames
from falcon_scheduler.api_facade.schemas.tasks import TaskQuery
from tests.api.conftest import BASE, faults


@pytest.mark.parametrize(
    ("path", "location", "said"),
    [
        ("/tasks?page=1&page=2", "query.page", "more than once"),
        ("/tasks?enabled=true&enabled=false", "query.enabled", "more than once"),
        ("/tasks?status=failed&status=done", "query.status", "should be"),
        ("/executions?outcome=skipped&outcome=late", "query.outcome", "should be"),
        ("/executions?from=2026-01-01T00:00:00Z&from=2026-01-02T00:00:00Z", "query.from", "more than once"),
        ("/audit?outcom=failed", "query.outcom", "did you mean outcome?"),
        ("/audit?pageSize=5", "query.pageSize", "did you mean page_size?"),
        ("/audit?since=2026-01-01T00:00:00Z", "query.since", "known are"),
        ("/tasks/export?tags=a", "query.tags", "not known here"),
        ("/executors?x", "query.x", "there are none"),
        ("/tasks?limit=5&page_size=5", "query.limit", "the same as page_size"),
        ("/tasks?search=a&q=a", "query.q", "the same as search"),
        ("/executions?start_date=2026-01-01&from=2026-01-01T00:00:00Z", "query.start_date", "the same as from"),
        ("/executions?limit=1001", "query.limit", "1000"),
        ("/executions?end_date=tomorrow", "query.end_date", "RFC 3339"),
        ("/executions?start_date=2026-01-02&end_date=2026-01-01", "query.end_date", "later"),
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused_by_its_name(
    admin: httpx.AsyncClient, path: str, location: str, said: str
) -> None:
    assert said in faults(await admin.get(path))[location]


async def test_all_that_is_wrong_with_a_query_comes_at_once(admin: httpx.AsyncClient) -> None:
    found = faults(await admin.get("/audit?page=0&outcome=x&user=a&user=b&bogus=1"))
    assert found.keys() == {"query.page", "query.outcome", "query.user", "query.bogus"}


async def test_a_query_of_a_change_is_judged_before_anything_changes(admin: httpx.AsyncClient) -> None:
    before = (await admin.get("/audit?action=reload")).json()["total"]
    assert "query.dry_run" in faults(await admin.post("/reload?dry_run=true"))
    assert (await admin.get("/audit?action=reload")).json()["total"] == before


@pytest.mark.parametrize("path", ["/tasks", "/executions", "/tasks/system-health-check"])
async def test_a_route_of_go_falcon_ignores_a_name_that_it_does_not_know_and_reports_it(
    admin: httpx.AsyncClient, path: str
) -> None:
    answer = await admin.get(f"{path}?stauts=failed")
    assert answer.status_code == 200
    assert answer.headers["warning"].startswith('299 - "query.stauts is not known here')


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
        answer = await client.get("/lenient?page=3&sorted=%22na%0Ame")
        assert (answer.status_code, answer.json()) == (200, {"page": 3})
        assert answer.headers["warning"].startswith('299 - "query.sorted is not known here')
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
