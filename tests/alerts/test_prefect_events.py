"""Prefect gets alerts as events, which its automations can act on."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from prefect.events.actions import PauseDeployment
from prefect.events.filters import EventFilter, EventNameFilter, EventRelatedFilter
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from falcon_scheduler.adapters.alerts.prefect_events import PrefectEventChannel
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.core.domain.alert import message_of
from falcon_scheduler.core.domain.alert_delivery import AlertEvent
from falcon_scheduler.core.domain.task import DeployedAs
from tests.alerts.conftest import Open
from tests.conftest import Scheduler, wait_until


async def events_about(prefect: Client, deployment_id: str) -> list[Any]:
    """Our events in the real server's history, oldest first."""
    wanted = EventFilter(
        event=EventNameFilter(prefix=["falcon-scheduler.alert."]),
        related=EventRelatedFilter(id=[f"prefect.deployment.{deployment_id}"]),
    )
    page = await prefect.read_events(filter=wanted, limit=50)
    return sorted(page.events, key=lambda each: each.occurred)


async def test_an_alert_and_its_end_stand_in_prefects_own_events_with_the_deployment(
    bench: Open, prefect: Client
) -> None:
    facade = bench(prefect_events=True)
    deployment_id = str(uuid.uuid4())
    task = await facade.task(deployed=DeployedAs(id=deployment_id, active=True, fingerprint=""))
    await facade.end(task, False, False, False)
    await facade.deliver()
    [alert] = await facade.opened()
    await PrefectEventChannel(prefect).send(message_of(alert, AlertEvent.OPENED))  # as after a crash
    await facade.end(task, True)
    await facade.deliver()

    async def both() -> list[Any]:
        events = await events_about(prefect, deployment_id)
        return events if len(events) > 1 else []

    opened, recovered = await wait_until(both, "both events are in Prefect's history, each once")
    assert opened.event == "falcon-scheduler.alert.opened"
    assert opened.resource.id == f"falcon-scheduler.alert.failures_in_a_row.{task.id}"
    assert opened.payload["task"] == {"id": task.id, "name": task.definition.name}
    assert opened.related[0]["prefect.resource.role"] == "deployment"
    assert recovered.event == "falcon-scheduler.alert.recovered"
    assert recovered.payload["text"] == "A run succeeded again"


@pytest_asyncio.fixture
async def pausing(prefect: Client) -> AsyncIterator[None]:
    """The automation of docs/alerts.md, in the real server."""
    automation = AutomationCore(
        name="Pause what keeps failing",
        trigger=EventTrigger(
            expect={"falcon-scheduler.alert.opened"},
            match=ResourceSpecification({"falcon-scheduler.alert.kind": "failures_in_a_row"}),
            match_related=ResourceSpecification({"prefect.resource.role": "deployment"}),
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[PauseDeployment(source="inferred")],
    )
    automation_id = await prefect.create_automation(automation)
    yield
    await prefect.delete_automation(automation_id)


async def test_runs_that_really_fail_make_the_facade_send_an_event_to_prefect(
    scheduler: Scheduler, worker: None, prefect: Client, pausing: None
) -> None:
    """The whole way: worker, history, the facade's background, Prefect's events, and an automation that acts."""
    config = {"function_name": "failing", "module": "tests", "parameters": {"file": "/dev/null", "succeed_at": 1000}}
    task = await scheduler.task(config=config, max_retries=0)
    for _ in range(3):
        await scheduler.run(task)
    deployment_id = task.deployment_id
    assert deployment_id

    async def told() -> list[Any]:
        return await events_about(prefect, deployment_id)

    [opened] = await wait_until(told, "Prefect has heard of the alert")
    assert opened.payload["kind"] == "failures_in_a_row"

    async def is_paused() -> bool:
        return (await scheduler.services.stores.tasks.get(task.id)).paused

    await wait_until(is_paused, "Prefect's automation has paused the deployment, and we have followed")
