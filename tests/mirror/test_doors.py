"""What is done in Prefect shows in the API, and the other way round."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.deployment_body import fingerprint_of
from falcon_scheduler.adapters.prefect.feed import PrefectChangeFeed
from falcon_scheduler.core.domain.audit import Action, AuditEntry, Door
from falcon_scheduler.core.domain.task import TaskStatus
from falcon_scheduler.core.errors import TaskNotFound
from falcon_scheduler.core.ports import AuditFilter, Change, ChangeKind, PageRequest
from tests.conftest import ADMIN, Scheduler, exists, wait_until
from tests.mirror.deployments import deployment_of
from tests.system_tasks import SYSTEM_TASKS


async def test_a_pause_made_in_prefect_shows_here_and_resuming_here_undoes_it_there(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    assert task.deployment_id is not None
    await client.pause_deployment(UUID(task.deployment_id))

    async def paused() -> bool:
        return (await scheduler.services.tasks.get(task.id)).status is TaskStatus.PAUSED

    await wait_until(paused, "the task is paused")
    await scheduler.services.tasks.resume(task.id, ADMIN)
    deployment = await deployment_of(client, task.id)
    assert not deployment["paused"]
    assert [schedule["active"] for schedule in deployment["schedules"]] == [True]


async def test_a_schedule_switched_off_in_prefect_pauses_the_task(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    deployment = await deployment_of(client, task.id)
    schedule_id = deployment["schedules"][0]["id"]
    await client.update_deployment_schedule(UUID(deployment["id"]), UUID(schedule_id), active=False)

    async def paused() -> bool:
        return (await scheduler.services.tasks.get(task.id)).paused

    await wait_until(paused, "the task is paused")
    await client.update_deployment_schedule(UUID(deployment["id"]), UUID(schedule_id), active=True)

    async def resumed() -> bool:
        return not await paused()

    await wait_until(resumed, "the task goes on")


async def test_no_change_is_missed_when_two_follow_so_closely_that_all_looks_as_before(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    deployment = await deployment_of(client, task.id)
    deployment_id, schedule_id = UUID(deployment["id"]), UUID(deployment["schedules"][0]["id"])

    async def is_paused(wanted: bool) -> bool:
        return (await scheduler.services.tasks.get(task.id)).paused is wanted

    for _ in range(3):
        await client.pause_deployment(deployment_id)
        await wait_until(lambda: is_paused(True), "the pause shows")
        await client.resume_deployment(deployment_id)
        await wait_until(lambda: is_paused(False), "the task goes on")
        await client.update_deployment_schedule(deployment_id, schedule_id, active=False)
        await wait_until(lambda: is_paused(True), "the schedule that was switched off shows", 20)
        await scheduler.services.tasks.resume(task.id, ADMIN)
        schedule_id = UUID((await deployment_of(client, task.id))["schedules"][0]["id"])


async def test_a_schedule_edited_in_prefect_is_the_tasks_schedule(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(schedule="0 0 6 * * *")
    deployment = await deployment_of(client, task.id)
    path = {"id": deployment["id"], "schedule_id": deployment["schedules"][0]["id"]}
    edited = {"schedule": {"cron": "30 7 * * 1-5", "timezone": "Europe/Berlin"}}
    await client.request("PATCH", "/deployments/{id}/schedules/{schedule_id}", path_params=path, json=edited)

    async def taken_over() -> bool:
        definition = (await scheduler.services.tasks.get(task.id)).definition
        return (definition.schedule, definition.timezone) == ("0 30 7 * * 1-5", "Europe/Berlin")

    await wait_until(taken_over, "the task has the schedule of the deployment")
    outcome = await scheduler.services.reconcile.reload()
    assert outcome.failed == ()
    assert (await scheduler.services.tasks.get(task.id)).version == task.version + 1
    schedule = (await deployment_of(client, task.id))["schedules"][0]["schedule"]
    assert schedule["timezone"] == "Europe/Berlin"


async def test_a_deployment_deleted_in_prefect_takes_its_task_along(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    assert task.deployment_id is not None
    await client.delete_deployment(UUID(task.deployment_id))

    async def gone() -> bool:
        return not await exists(scheduler.services, task.id)

    await wait_until(gone, "the task is gone")


async def test_the_deployment_of_a_system_task_comes_back_when_it_is_deleted(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task_id = next(iter(SYSTEM_TASKS))
    deployment = await deployment_of(client, task_id)
    await client.delete_deployment(UUID(deployment["id"]))

    async def back() -> bool:
        body = {"deployments": {"name": {"any_": [task_id]}}}
        return bool((await client.request("POST", "/deployments/filter", json=body)).json())

    await wait_until(back, "the deployment is back")
    assert (await scheduler.services.tasks.get(task_id)).is_system


async def test_a_prefect_database_that_was_lost_is_filled_again(scheduler: Scheduler, client: PrefectClient) -> None:
    """A deployment that is missing although nobody removed it: this server never had its id."""
    task = await scheduler.task()
    assert task.deployed is not None
    unknown = replace(task.deployed, id="00000000-0000-4000-8000-000000000000")
    await scheduler.services.stores.tasks.change(task.id, lambda each: replace(each, deployed=unknown))
    body = {"deployments": {"name": {"any_": [task.id]}}}
    await scheduler.services.engine.deployments.remove_deployment(task.deployed.id)
    await scheduler.services.reconcile.reload()
    assert (await client.request("POST", "/deployments/filter", json=body)).json()


async def test_changes_made_here_are_in_prefect_at_once(scheduler: Scheduler, client: PrefectClient) -> None:
    task = await scheduler.task(tags=("nightly",), description="Says hello <img src=x>")
    deployment = await deployment_of(client, task.id)
    assert deployment["tags"] == ["nightly", "function", f"task: {task.definition.name}"]
    assert "Says hello \\<img src=x\\>" in deployment["description"], "text, where the UI renders markdown"
    assert deployment["work_queue_name"] == "normal"
    await scheduler.services.tasks.update(task.id, {"schedule": "0 0 6 * * *", "tags": ("morning",)}, ADMIN)
    deployment = await deployment_of(client, task.id)
    assert deployment["schedules"][0]["schedule"]["cron"] == "0 6 * * *"
    assert deployment["tags"] == ["morning", "function", f"task: {task.definition.name}"]
    await scheduler.services.tasks.disable(task.id, ADMIN)
    assert not (await deployment_of(client, task.id))["schedules"][0]["active"]
    await scheduler.services.tasks.delete(task.id, ADMIN)
    with pytest.raises(AssertionError):
        await deployment_of(client, task.id)
    with pytest.raises(TaskNotFound):
        await scheduler.services.tasks.get(task.id)


async def test_reload_makes_prefect_equal_to_mongodb_and_says_what_it_did(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    changed = await scheduler.task()
    await client.request(
        "PATCH", "/deployments/{id}", path_params={"id": changed.deployment_id}, json={"description": "Other"}
    )
    stray_flow = await client.create_flow_from_name("function-task")
    await client.create_deployment(stray_flow, name="no-such-task", parameters={"task_id": "no-such-task"})
    outcome = await scheduler.services.reconcile.reload()
    assert outcome.failed == ()
    assert "Other" not in (await deployment_of(client, changed.id))["description"]
    with pytest.raises(AssertionError):
        await deployment_of(client, "no-such-task")
    again = await scheduler.services.reconcile.reload()
    assert (again.created, again.updated, again.removed, again.failed) == (0, 0, 0, ())


async def test_next_run_is_the_next_flow_run_that_prefect_has_scheduled(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(schedule="0 0 */6 * * *", timezone="Europe/Berlin")

    async def scheduled() -> list[dict[str, Any]]:
        body = {
            "flow_runs": {"deployment_id": {"any_": [task.deployment_id]}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 1,
        }
        found: list[dict[str, Any]] = (await client.request("POST", "/flow_runs/filter", json=body)).json()
        return found

    first = (await wait_until(scheduled, "Prefect has scheduled it"))[0]
    next_run = scheduler.services.tasks.next_run(task)
    assert next_run is not None
    assert first["expected_start_time"].replace("Z", "+00:00") == next_run.isoformat()
    assert first["name"] == f"{task.definition.name} {next_run:%Y-%m-%d %H:%M:%S}"
    assert f"task: {task.definition.name}" in first["tags"], "the UI finds runs by the name"


async def test_the_prefect_ui_is_served(stack: Any) -> None:
    address = stack.environment["PREFECT_API_URL"].removesuffix("/api")
    async with httpx.AsyncClient(timeout=60) as web:
        page = await web.get(address, follow_redirects=True)
    assert page.status_code == 200
    assert "<title>" in page.text


async def test_a_second_schedule_made_in_prefect_is_taken_back_and_the_audit_gives_the_reason(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    added = {"schedule": {"cron": "0 5 * * *", "timezone": "UTC"}, "active": True}  # the UI's "+ Schedule"
    await client.request("POST", "/deployments/{id}/schedules", path_params={"id": task.deployment_id}, json=[added])

    async def taken_back() -> bool:
        return len((await deployment_of(client, task.id))["schedules"]) == 1

    await wait_until(taken_back, "the second schedule is gone")
    wanted = AuditFilter(task_id=task.id, actions=frozenset({Action.TAKE_BACK}))

    async def explained() -> list[AuditEntry]:
        return list((await scheduler.services.audit.list(wanted, PageRequest())).items)

    entries = await wait_until(explained, "the audit has it")
    assert len(entries) == 1
    assert "0 5 * * *" in str(entries[0].before["schedules"])
    assert "create another task" in entries[0].after["reason"]
    assert entries[0].origin.door is Door.PREFECT
    assert (await scheduler.services.tasks.get(task.id)).version == task.version


@pytest.mark.slow
async def test_a_deployment_of_an_earlier_version_follows_a_change_of_meaning_at_the_next_reload(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    """Earlier versions took `*/2` for a star, so that both day fields had to fit."""
    task = await scheduler.task(schedule="CRON_TZ=Europe/Berlin 0 0 9 */2 * MON")
    path = {"id": str(task.deployment_id)}
    present = await deployment_of(client, task.id)
    entry = {**present["schedules"][0]["schedule"], "day_or": False}
    earlier = {"description": "earlier", "schedules": [{"slug": "cron", "active": True, "schedule": entry}]}
    told = replace(task.deployed, fingerprint=fingerprint_of({**present, **earlier}))  # type: ignore[type-var]
    await scheduler.services.stores.tasks.change(task.id, lambda each: replace(each, deployed=told))
    await client.request("PATCH", "/deployments/{id}", path_params=path, json=earlier)
    assert fingerprint_of(await deployment_of(client, task.id)) == told.fingerprint  # type: ignore[union-attr]
    await scheduler.services.reconcile.reload()
    deployment = await deployment_of(client, task.id)
    assert [each["schedule"]["day_or"] for each in deployment["schedules"]] == [True]
    assert "(Europe/Berlin)" in deployment["description"]
    assert (await scheduler.services.tasks.get(task.id)).definition.schedule == task.definition.schedule


async def test_a_change_of_a_single_schedule_is_among_the_events_that_the_facade_follows(
    scheduler: Scheduler, client: PrefectClient, stack: Any
) -> None:
    """Prefect sends none; the server that our stack starts does."""
    task = await scheduler.task()
    deployment = await deployment_of(client, task.id)
    path = {"id": deployment["id"], "schedule_id": deployment["schedules"][0]["id"]}
    wanted = Change(ChangeKind.DEPLOYMENT, deployment["id"])
    switched = False

    async def heard() -> bool:
        """The server forgets whom it has not accepted yet, so the schedule is switched until the event arrives."""
        async for change in PrefectChangeFeed(stack.environment["PREFECT_API_URL"]).changes():
            if change == wanted:
                return True
        return False

    listening = asyncio.create_task(heard())
    try:
        while not listening.done():
            body = {"active": switched}
            switched = not switched
            await client.request("PATCH", "/deployments/{id}/schedules/{schedule_id}", path_params=path, json=body)
            await asyncio.wait({listening}, timeout=0.5)
        assert listening.result()
    finally:
        listening.cancel()
