"""What Prometheus reads, after real runs and real requests."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from falcon_scheduler.adapters.mongo.outcomes import MongoOutcomeLog
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.api_facade.metrics.gathering import Gathering
from falcon_scheduler.api_facade.metrics.instruments import Metrics
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.services.mirror.outcomes import OutcomeFeed
from tests.conftest import Scheduler, function, wait_until

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "falcon-scheduler.json"
PREFIX = "falcon_scheduler_"


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the samples of that name that carry the labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
    )


class OwnMark:
    """A watermark of a test's own, apart from that of the session's background."""

    def __init__(self, kept: dict[str, datetime]) -> None:
        self._kept = kept

    async def read(self, name: str) -> datetime | None:
        return self._kept.get(name)

    async def write(self, name: str, instant: datetime) -> None:
        self._kept[name] = max(instant, self._kept.get(name, instant))


async def scrape(client: httpx.AsyncClient) -> str:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return answer.text


async def gather(app: FastAPI, services: Services) -> None:
    """What a facade does by itself every 15 seconds."""
    parts = app.state.container
    log = MongoOutcomeLog(services.stores.database)
    clock = services.stores.clock
    await Gathering(
        parts.metrics, status=parts.status.status, watermark=services.stores.watermark, outcomes=log, clock=clock
    ).gather()


@pytest.mark.slow
async def test_every_end_is_counted_once_by_its_outcome_and_timed(
    scheduler: Scheduler, worker: None, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    before = await scrape(client)
    good = await scheduler.task(config=function("echo"))
    bad = await scheduler.task(
        config={"function_name": "failing", "module": "tests", "parameters": {"file": str(tmp_path / "tries")}},
        max_retries=0,
    )
    for task in (good, good, bad):
        execution = await scheduler.execute(task)
        await scheduler.ended(execution.id)

    def counted(text: str, outcome: str) -> float:
        return value(text, "executions_total", type="function", outcome=outcome, trigger="manual")

    async def all_counted() -> bool:
        after = await scrape(client)
        done = counted(after, "completed") - counted(before, "completed")
        failed = counted(after, "failed") - counted(before, "failed")
        return (done, failed) == (2, 1)

    await wait_until(all_counted, "two completed and one failed execution are counted")
    after = await scrape(client)
    assert value(after, "execution_duration_seconds_count") == value(after, "executions_total")


@pytest.mark.slow
async def test_a_takeover_leaves_no_end_out_and_repeats_only_the_last(scheduler: Scheduler, worker: None) -> None:
    stores = scheduler.services.stores
    told: list[str] = []

    async def observe(ended: Any) -> None:
        told.extend(execution.id for _, execution in ended)

    kept: dict[str, datetime] = {}

    def feed() -> OutcomeFeed:
        log = MongoOutcomeLog(stores.database)
        return OutcomeFeed(
            log=log, tasks=stores.tasks, watermark=OwnMark(kept), clock=stores.clock, observers=[observe]
        )

    task = await scheduler.task(config=function("echo"))
    first = feed()
    await first.follow()
    ids = []
    for follower in (first, first, feed()):
        execution = await scheduler.execute(task)
        await scheduler.ended(execution.id)
        ids.append(execution.id)
        await follower.follow()
        await follower.follow()
    assert told.count(ids[0]) == 1  # the one at the watermark may be reported again
    assert [each for each in dict.fromkeys(told) if each in ids] == ids


async def test_an_end_that_the_mirror_writes_long_after_it_happened_is_reported_too(scheduler: Scheduler) -> None:
    stores = scheduler.services.stores
    told: list[str] = []

    async def observe(ended: Any) -> None:
        told.extend(execution.id for _, execution in ended)

    task = await scheduler.task()
    pending = await scheduler.execute(task)
    late = pending.ended(ExecutionStatus.FAILED, datetime.now(UTC) - timedelta(hours=3), error="long ago")
    log = MongoOutcomeLog(stores.database)
    feed = OutcomeFeed(
        log=log, tasks=stores.tasks, watermark=stores.watermark, clock=stores.clock, observers=[observe]
    )
    feed.note([late])
    await feed.follow()
    await feed.follow()
    assert told.count(late.id) == 1


async def test_components_and_numbers_are_shown(
    app: FastAPI, services: Services, scheduler: Scheduler, client: httpx.AsyncClient
) -> None:
    await scheduler.task()
    await gather(app, services)
    text = await scrape(client)
    for component in ("mongodb", "redis", "prefect"):
        assert value(text, "component_up", component=component) == 1
        assert value(text, "component_latency_seconds", component=component) > 0
    assert value(text, "tasks", state="enabled") >= 1
    assert value(text, "gathered_timestamp_seconds") > 0
    assert value(text, "mirror_leading") == 1


async def test_requests_are_timed_by_the_template_of_their_route(
    scheduler: Scheduler, admin: httpx.AsyncClient, client: httpx.AsyncClient
) -> None:
    task = await scheduler.task()
    labels = {"method": "GET", "route": "/scheduler/tasks/{task_id}", "status": "200"}
    before = value(await scrape(client), "http_request_duration_seconds_count", **labels)
    await admin.get(f"/tasks/{task.id}")
    text = await scrape(client)
    assert value(text, "http_request_duration_seconds_count", **labels) == before + 1
    assert task.id not in text


async def test_with_a_token_set_only_its_bearer_sees_the_metrics(settings: Settings, services: Services) -> None:
    secret = "of the scraper alone"
    closed = replace(settings, api=settings.api.model_copy(update={"metrics_token": SecretStr(secret)}))
    transport = httpx.ASGITransport(build_app(compose(closed, services), closed))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"Authorization": "Bearer no"})).status_code == 401
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200
        assert secret not in answer.text


def test_the_dashboard_asks_for_nothing_that_there_is_not() -> None:
    metrics = {
        f"{family.name}{suffix}"
        for family in text_string_to_metric_families(Metrics().text().decode())
        for suffix in ("", "_total", "_bucket", "_count", "_sum")
    }
    board: Mapping[str, Any] = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(asked) >= 10
    for expression in asked:
        names = re.findall(rf"{PREFIX}\w+", expression)
        assert names, expression
        assert set(names) <= metrics, expression
