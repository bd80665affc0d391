"""Alerts over the API: the list, the test message, and a task's own wishes through every door."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.prefect.client import open_client
from falcon_scheduler.adapters.settings import AlertSettings, Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.composition.alerts import make_alerts
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.alert import Alert, AlertKind, Subject
from tests.alerts.receiver import Receiver, receiving
from tests.api.conftest import BASE, bearer, faults, token_of

Make = Callable[..., Awaitable[Any]]
EXPECTED = {"period": "24h0m0s", "grace": "1h0m0s", "while_paused": False}
OWN = {
    "enabled": True,
    "failures_in_a_row": 5,
    "failure_rate": 0.25,
    "late_after": "10m0s",
    "expect_success": EXPECTED,
    "channels": ["ops"],
}


@pytest_asyncio.fixture
async def alerts(make: Make, mongo_database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[list[Alert]]:
    """Three alerts of a task, the second over; the oldest first. No look at a task without runs ends the others."""
    store, task_id = MongoAlertStore(mongo_database), (await make())["id"]
    made: list[Alert] = []
    kinds = (AlertKind.FAILURES_IN_A_ROW, AlertKind.LATE_RUN, AlertKind.FAILURE_RATE)
    for position, kind in enumerate(kinds):
        at = datetime.now(UTC) + timedelta(minutes=position)
        subject = Subject(task_id=task_id, task_name="A task")
        alert = Alert(id=uuid.uuid4().hex, kind=kind, subject=subject, text="it failed", opened_at=at)
        await store.open(alert)
        made.append(alert)
    await store.change(made[1].id, lambda each: each.recovered(each.opened_at + timedelta(minutes=1), "on time"))
    yield made
    await mongo_database["scheduler_alerts"].delete_many({"task_id": task_id})


async def test_alerts_are_listed_the_newest_first_and_by_state_kind_and_task(
    admin: httpx.AsyncClient, alerts: list[Alert]
) -> None:
    task_id = alerts[0].subject.task_id

    async def listed(**query: Any) -> Any:
        answer = await admin.get("/alerts", params={"task_id": task_id, **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    everything = await listed()
    assert [each["id"] for each in everything["alerts"]] == [each.id for each in reversed(alerts)]
    assert everything["total"] == 3
    second_page = await listed(page=2, page_size=2)
    assert [each["id"] for each in second_page["alerts"]] == [alerts[0].id]
    assert second_page["total_pages"] == 2
    [over] = (await listed(state="recovered"))["alerts"]
    assert (over["kind"], over["recovery"], over["state"]) == ("late_run", "on time", "recovered")
    assert (await listed(state="open"))["total"] == 2
    assert (await listed(kind="failure_rate"))["total"] == 1
    answer = await admin.get("/alerts", params={"state": "closed", "kind": "nothing", "colour": "red"})
    assert set(faults(answer)) == {"query.state", "query.kind", "query.colour"}


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def told(services: Services, settings: Settings, receiver: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    """A super admin of a facade with a good webhook, a bad one and Prefect as channels."""
    webhooks = f"good={receiver.url('/good')}, bad=http://127.0.0.1:1/S3CR3T"
    wanted = AlertSettings(webhooks=webhooks, webhook_secret="a secret that only the tests know")
    async with open_client(settings.prefect.api_url) as prefect:
        own = make_alerts(
            replace(settings, alerts=wanted),
            services.stores,
            services.engine.runs,
            prefect,
            services.workforce,
            services.ledger.explaining,
        )
        app = build_app(compose(settings, replace(services, alerts=own)), settings)
        token = token_of(settings, super_admin=True)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=f"http://api.test{BASE}", headers=bearer(token)
        ) as client:
            yield client


async def test_a_test_message_goes_to_all_channels_and_reports_what_became_of_it(
    told: httpx.AsyncClient, receiver: Receiver
) -> None:
    answer = await told.post("/alerts/test")
    assert answer.status_code == 200
    assert {each["channel"]: each["delivered"] for each in answer.json()["channels"]} == {
        "prefect": True,
        "good": True,
        "bad": False,
    }
    assert receiver.alerts_received() == [("alert.test", "test")]
    assert "nothing listens there" in answer.text
    assert "S3CR3T" not in answer.text


async def test_a_test_message_may_go_to_one_channel(told: httpx.AsyncClient, receiver: Receiver) -> None:
    answer = await told.post("/alerts/test", json={"channel": "good"})
    assert answer.json() == {"channels": [{"channel": "good", "delivered": True}]}
    assert len(receiver.taken) == 1
    answer = await told.post("/alerts/test", json={"channel": "nobody"})
    assert faults(answer) == {
        "channel": "is not a channel of the service; there are: prefect, good, bad",
    }


async def test_a_tasks_own_wishes_go_in_and_out_by_every_door(
    admin: httpx.AsyncClient, make: Make, number: Callable[[], int]
) -> None:
    task = await make(metadata={"alerts": OWN})
    assert task["metadata"]["alerts"] == OWN
    assert (await admin.get(f"/tasks/{task['id']}")).json()["metadata"]["alerts"] == OWN
    exported = (await admin.get("/tasks/export")).json()["tasks"]
    [body] = [each for each in exported if each["name"] == task["name"]]
    assert body["metadata"]["alerts"] == OWN
    name = f"imported with alerts {number()}"
    del body["id"]
    imported = (await admin.post("/tasks/import", json={"tasks": [{**body, "name": name}]})).json()
    task_id = imported["imported_tasks"][0]["id"]
    assert (await admin.get(f"/tasks/{task_id}")).json()["metadata"]["alerts"] == OWN
    changed = await admin.put(f"/tasks/{task_id}", json={"metadata": {"alerts": {"enabled": False}}})
    assert changed.json()["metadata"]["alerts"] == {"enabled": False}
    assert changed.json()["metadata"]["version"] == 2
    plain = await admin.put(f"/tasks/{task_id}", json={"metadata": {"alerts": {}}})
    assert "alerts" not in plain.json()["metadata"], "as the settings say"
    await admin.delete(f"/tasks/{task_id}")


@pytest.mark.parametrize(
    ("wish", "location", "words"),
    [
        ({"failures_in_a_row": 0}, "failures_in_a_row", "must be 1 to 100"),
        ({"failures_in_a_row": "3"}, "failures_in_a_row", "integer"),
        ({"failure_rate": 1.5}, "failure_rate", "at most 1"),
        ({"late_after": "1s"}, "late_after", "must be 30s to 168h0m0s"),
        ({"late_after": "soon"}, "late_after", "duration"),
        ({"expect_success": {"period": "1s"}}, "expect_success.period", "must be 1m0s to 8784h0m0s, is 1s"),
        ({"expect_success": {"period": "1h", "grace": "-1s"}}, "expect_success.grace", "must be 0s to 8784h0m0s"),
        ({"expect_success": {"grace": "1h"}}, "expect_success.period", "required"),
        ({"expect_success": {"period": "daily"}}, "expect_success.period", "duration"),
        ({"expect_success": {"period": "1h", "every": "1h"}}, "expect_success.every", "not a field"),
        ({"channels": ["Ops!"]}, "channels.0", "lower-case letters"),
        ({"channels": ["ops", "ops"]}, "channels", "repeat"),
        ({"pager": True}, "pager", "not a field"),
    ],
)
async def test_what_is_wrong_with_a_wish_is_said_with_its_field(
    admin: httpx.AsyncClient, wish: dict[str, Any], location: str, words: str
) -> None:
    config = {"function_name": "noop", "module": "builtin"}
    body = {"name": "x", "type": "function", "schedule": "@hourly", "config": config, "metadata": {"alerts": wish}}
    found = faults(await admin.post("/tasks", json=body))
    assert list(found) == [f"metadata.alerts.{location}"]
    assert words in found[f"metadata.alerts.{location}"]
