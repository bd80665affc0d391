"""What is done in Prefect shows in the API, and the other way round."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import State
from prefect.states import AwaitingRetry
from prefect.utilities.callables import parameter_schema

from falcon_scheduler.adapters.prefect.deployment_body import fingerprint_of
from falcon_scheduler.adapters.prefect.names import ENTRYPOINTS, FLOWS, PARAMETER_SCHEMA
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.core.domain.audit import Action, AuditEntry, Door
from falcon_scheduler.core.domain.execution import ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import TaskStatus
from falcon_scheduler.core.errors import TaskNotFound
from falcon_scheduler.core.ports import AuditFilter, PageRequest
from falcon_scheduler.deployments.prefect_yaml import render
from falcon_scheduler.flows import entrypoints
from falcon_scheduler.flows.catalog import Catalog
from falcon_scheduler.flows.executors.registry import Registry
from tests.conftest import ADMIN, Scheduler, exists, function, wait_until
from tests.system_tasks import SYSTEM_TASKS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(scheduler: Scheduler) -> PrefectClient:
    """Somebody at Prefect's own door."""
    return scheduler.services.engine.client


async def deployment_of(client: PrefectClient, task_id: str) -> dict[str, Any]:
    body = {"deployments": {"name": {"any_": [task_id]}}}
    found: list[dict[str, Any]] = (await client.request("POST", "/deployments/filter", json=body)).json()
    assert len(found) == 1
    return found[0]


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_a_quick_run_from_the_prefect_ui_appears_in_the_history(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(config=function("echo", to="all"))
    assert task.deployment_id is not None
    flow_run = await client.create_flow_run_from_deployment(UUID(task.deployment_id))
    ended = await scheduler.ended(str(flow_run.id))
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.trigger is Trigger.PREFECT
    assert [each.id for each in await scheduler.history(task)] == [str(flow_run.id)]


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
async def test_retry_in_prefect_of_a_run_that_ended_starts_another_and_changes_nothing_of_the_ended_one(
    scheduler: Scheduler, client: PrefectClient, tmp_path: Path
) -> None:
    config = {"function_name": "failing", "module": "tests", "parameters": {"file": str(tmp_path / "attempts")}}
    task = await scheduler.task(config=config, max_retries=0)
    ended = await scheduler.run(task)
    run_id = UUID(ended.id)

    async def told() -> bool:
        return (await client.read_flow_run(run_id)).state_name == "Failed"

    await wait_until(told, "Prefect knows the end")
    before = (await client.read_flow_run(run_id)).state
    retry: State[Any] = AwaitingRetry(message="Retry from the UI")  # what the button of the UI sends
    await client.set_flow_run_state(run_id, retry, force=True)

    async def another() -> bool:
        history = await scheduler.history(task)
        return len(history) == 2 and all(each.status.is_terminal for each in history)

    await wait_until(another, "another execution has run and ended")
    await wait_until(told, "the ended run shows its end again")
    after = (await client.read_flow_run(run_id)).state
    assert before is not None
    assert after is not None
    assert (after.type, after.name, after.message) == (before.type, before.name, before.message)
    fresh = next(each for each in await scheduler.history(task) if each.id != ended.id)
    assert fresh.trigger is Trigger.PREFECT
    assert await scheduler.services.runs.get(ended.id) == ended
    record = (await scheduler.services.tasks.get(task.id)).record
    assert (record.failure_count, record.skipped_count) == (2, 0)

    async def said() -> list[Any]:
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
        lines = [each for each in await client.read_logs(wanted) if each.timestamp > retry.timestamp]
        return lines if any(fresh.id in each.message for each in lines) else []

    lines = await wait_until(said, "the log says what became of the retry")
    assert all(each.level < logging.ERROR for each in lines), [each.message for each in lines]


@pytest.mark.slow
async def test_a_run_that_waits_for_a_worker_is_pending_and_cancelling_it_in_prefect_ends_it(
    scheduler: Scheduler, client: PrefectClient, stack: Any
) -> None:
    await stack.stop_part("worker")
    try:
        task = await scheduler.task()
        assert task.deployment_id is not None
        flow_run = await client.create_flow_run_from_deployment(UUID(task.deployment_id))

        async def pending() -> bool:
            return [each.status for each in await scheduler.history(task)] == [ExecutionStatus.PENDING]

        await wait_until(pending, "the waiting run shows as pending")
        from prefect.states import Cancelled

        await client.set_flow_run_state(flow_run.id, Cancelled())
        ended = await scheduler.ended(str(flow_run.id))
        assert ended.error == "Task execution was cancelled"
    finally:
        await stack.start_part("worker")


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
    assert deployment["tags"] == ["nightly", "function"]
    assert "Says hello \\<img src=x\\>" in deployment["description"], "text, where the UI renders markdown"
    assert deployment["work_queue_name"] == "normal"
    await scheduler.services.tasks.update(task.id, {"schedule": "0 0 6 * * *", "tags": ("morning",)}, ADMIN)
    deployment = await deployment_of(client, task.id)
    assert deployment["schedules"][0]["schedule"]["cron"] == "0 6 * * *"
    assert deployment["tags"] == ["morning", "function"]
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


def test_prefect_yaml_is_what_the_definitions_make_of_it() -> None:
    assert (ROOT / "prefect.yaml").read_text() == render()


def test_the_parameters_of_our_flows_are_those_that_deployments_declare() -> None:
    for name in FLOWS.values():
        flow = getattr(entrypoints, ENTRYPOINTS[name].rpartition(".")[2])
        assert flow.name == name
        derived = parameter_schema(flow.fn).model_dump_for_openapi()
        assert {key: value for key, value in derived.items() if key != "definitions"} == PARAMETER_SCHEMA


@pytest.mark.slow
async def test_prefect_deploy_creates_the_same_deployments_as_the_facade(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    await scheduler.services.reconcile.reload()
    ours = {task_id: await deployment_of(client, task_id) for task_id in SYSTEM_TASKS}
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=dict(os.environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    volatile = {"id", "created", "updated", "version_id", "version_info", "created_by", "updated_by", "status"}
    volatile.add("version")  # grows with every switch of the task, and other tests switch system tasks
    for task_id, before in ours.items():
        after = await deployment_of(client, task_id)
        assert after["id"] == before["id"]
        assert fingerprint_of(after) == fingerprint_of(before)
        for schedules in (before["schedules"], after["schedules"]):
            for schedule in schedules:
                for field in ("id", "created", "updated"):
                    schedule.pop(field)
        differing = {key for key in after if key not in volatile and after[key] != before[key]}
        assert differing <= {"last_polled", "global_concurrency_limit", "concurrency_limit_id", "labels"}
    made = {task_id: (await deployment_of(client, task_id))["schedules"] for task_id in SYSTEM_TASKS}
    await scheduler.services.reconcile.reload()
    for task_id, schedules in made.items():
        assert (await deployment_of(client, task_id))["schedules"] == schedules, "it was deployed again"


def test_prefect_yaml_names_every_system_task() -> None:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert {entry["name"] for entry in document["deployments"]} == set(SYSTEM_TASKS)


async def test_the_prefect_ui_is_served(stack: Any) -> None:
    address = stack.environment["PREFECT_API_URL"].removesuffix("/api")
    async with httpx.AsyncClient(timeout=60) as web:
        page = await web.get(address, follow_redirects=True)
    assert page.status_code == 200
    assert "<title>" in page.text


def test_every_system_task_has_parameters_that_its_definition_fits(settings: Settings) -> None:
    catalog = Catalog(Registry.load(settings), settings.system_tasks.tasks)
    faults = {task_id: catalog.faults(each.type, each.config) for task_id, each in SYSTEM_TASKS.items()}
    assert not any(faults.values()), faults


async def test_a_second_schedule_made_in_prefect_is_taken_back_and_the_audit_gives_the_reason(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    added = {"schedule": {"cron": "0 5 * * *", "timezone": "UTC"}, "active": True}  # the UI's "+ Schedule"
    await client.request("POST", "/deployments/{id}/schedules", path_params={"id": task.deployment_id}, json=[added])

    async def taken_back() -> bool:
        return len((await deployment_of(client, task.id))["schedules"]) == 1

    await wait_until(taken_back, "the second schedule is gone")
    wanted = AuditFilter(task_id=task.id, action=Action.TAKE_BACK)

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
