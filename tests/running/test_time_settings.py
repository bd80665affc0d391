"""`start_at`, `end_at`, `max_runs`, `jitter` and `start_within` on real servers: what runs, what Prefect shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.states import Scheduled

from falcon_scheduler.core.domain.calendars import CalendarDays, CalendarRules, CalendarVersion, OnExcluded
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.skip import SkipReason
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import After, Overlap
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest
from falcon_scheduler.core.services.tasks.fire_times import begin_of, due_between
from tests.conftest import ADMIN, Scheduler, exists, wait_until
from tests.stores.samples import a_task

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
PATIENCE_SECONDS, LONG_PATIENCE_SECONDS = 120, 400

pytestmark = pytest.mark.usefixtures("worker")


def stamped(file: Path) -> list[datetime]:
    lines = file.read_text().splitlines() if file.exists() else []
    return sorted(datetime.fromisoformat(line) for line in lines)


def stamping(file: Path) -> dict[str, Any]:
    return {"function_name": "stamping", "module": "tests", "parameters": {"file": str(file)}}


async def coming(scheduler: Scheduler, task: Task) -> list[datetime]:
    """The runs of the task that Prefect shows as scheduled ahead."""
    body = {
        "flow_runs": {
            "deployment_id": {"any_": [str((await scheduler.services.tasks.get(task.id)).deployment_id)]},
            "expected_start_time": {"after_": (datetime.now(UTC) + HOUR).isoformat()},
        }
    }
    found = (await scheduler.services.engine.client.request("POST", "/flow_runs/filter", json=body)).json()
    return sorted(datetime.fromisoformat(each["expected_start_time"].replace("Z", "+00:00")) for each in found)


@dataclass(frozen=True, kw_only=True)
class Case:
    """The settings of a task that is due every two seconds, from `now` on."""

    starts: int | None = None
    ends: int | None = None
    most: int | None = None
    after: After = After.KEEP

    def settings(self, now: datetime) -> dict[str, Any]:
        return {
            "start_at": None if self.starts is None else now + self.starts * SECOND,
            "end_at": None if self.ends is None else now + self.ends * SECOND,
            "max_runs": self.most,
            "after": self.after,
        }


CASES = {
    "bounded": Case(starts=30, ends=34),
    "limited": Case(most=2),
    "limited and late": Case(starts=30, most=2, after=After.DISABLE),
    "ends and goes": Case(starts=30, ends=32, after=After.DELETE),
}


@pytest.mark.timeout(600)
async def test_what_runs_keeps_to_start_end_and_limit_and_the_task_then_ends_as_it_says(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    now += timedelta(seconds=now.second % 2)
    tasks: dict[str, Task] = {}
    for name, case in CASES.items():
        tasks[name] = await scheduler.task(
            schedule="*/2 * * * * *", overlap=Overlap.QUEUE, config=stamping(tmp_path / name), **case.settings(now)
        )

    async def is_over(name: str) -> bool:
        case, file = CASES[name], tmp_path / name
        if case.after is After.DELETE:
            return not await exists(scheduler.services, tasks[name].id)
        task = await scheduler.services.tasks.get(tasks[name].id)
        if case.after is After.DISABLE and task.definition.enabled:
            return False
        if case.most is not None:
            return len(stamped(file)) >= case.most and not task.record.active
        end = now + (case.ends or 0) * SECOND
        return stamped(file)[-1:] == [end] and not task.record.active

    async def all_over() -> bool:
        return all([await is_over(name) for name in CASES])

    await wait_until(all_over, "all tasks are over", LONG_PATIENCE_SECONDS)
    bounded = stamped(tmp_path / "bounded")
    assert bounded == [now + seconds * SECOND for seconds in (30, 32, 34)]
    assert len(stamped(tmp_path / "limited")) == 2
    assert stamped(tmp_path / "limited and late") == [now + seconds * SECOND for seconds in (30, 32)]
    assert stamped(tmp_path / "ends and goes") == [now + seconds * SECOND for seconds in (30, 32)]
    for name in ("bounded", "limited"):
        task = await scheduler.services.tasks.get(tasks[name].id)
        assert (task.definition.enabled, scheduler.services.tasks.next_run(task)) == (True, None)
    limited = await scheduler.services.tasks.get(tasks["limited"].id)
    assert (limited.runs_left, limited.record.total_runs) == (0, 2)


async def test_prefect_shows_the_true_next_runs_through_every_change_and_door(scheduler: Scheduler) -> None:
    services, client = scheduler.services, scheduler.services.engine.client
    start, hourly = datetime(2090, 1, 1, 12, tzinfo=UTC), "0 0 * * * *"
    task = await scheduler.task(schedule=hourly, start_at=start, end_at=start + 2 * HOUR)
    assert await coming(scheduler, task) == [start, start + HOUR, start + 2 * HOUR]
    await services.tasks.update(task.id, {"end_at": start + HOUR}, ADMIN)
    assert await coming(scheduler, task) == [start, start + HOUR]
    await services.tasks.update(task.id, {"end_at": None, "max_runs": 1}, ADMIN)
    assert await coming(scheduler, task) == [start]
    await services.tasks.pause(task.id, ADMIN)
    assert await coming(scheduler, task) == []
    deployment_id = UUID(str((await services.tasks.get(task.id)).deployment_id))
    await client.resume_deployment(deployment_id)

    async def is_back() -> bool:
        return not (await services.tasks.get(task.id)).paused and await coming(scheduler, task) == [start]

    await wait_until(is_back, "it is resumed in Prefect", PATIENCE_SECONDS)
    path = {"id": str(deployment_id)}
    schedule = {"slug": "mine", "active": True, "schedule": {"cron": "30 * * * *", "timezone": "UTC"}}
    await client.request("PATCH", "/deployments/{id}", path_params=path, json={"schedules": [schedule]})

    async def follows() -> bool:
        found = await services.tasks.get(task.id)
        return found.definition.schedule.startswith("0 30 ") and await coming(scheduler, task) == [start + HOUR / 2]

    await wait_until(follows, "the schedule that was set in Prefect keeps to the settings", PATIENCE_SECONDS)
    await services.tasks.update(task.id, {"start_at": None, "max_runs": None}, ADMIN)
    found = await wait_until(lambda: coming(scheduler, task), "Prefect plans again", PATIENCE_SECONDS)
    assert found[0] < datetime.now(UTC) + 3 * HOUR
    assert start + HOUR / 2 not in found


async def test_prefect_shows_the_next_runs_that_calendars_leave_also_after_their_change(scheduler: Scheduler) -> None:
    calendars, name = scheduler.services.calendars, f"free-{uuid4().hex[:8]}"
    start, first = datetime(2090, 1, 1, 9, tzinfo=UTC), date(2090, 1, 1)
    await calendars.create(name, CalendarDays(dates=(first,)), "", ADMIN)
    rules = CalendarRules(exclude=(CalendarVersion(name=name),), on_excluded=OnExcluded.NEXT_BUSINESS_DAY)
    task = await scheduler.task(
        schedule="0 0 9 1,4 1 *", start_at=start, end_at=start + 30 * DAY, calendars=rules, overlap=Overlap.QUEUE
    )
    assert await coming(scheduler, task) == [start + DAY, start + 3 * DAY]
    await calendars.change(name, {"dates": (first, first + DAY, first + 3 * DAY)}, ADMIN)
    assert await coming(scheduler, task) == [start + 2 * DAY, start + 4 * DAY]
    back = replace(rules, on_excluded=OnExcluded.PREVIOUS_BUSINESS_DAY)
    await scheduler.services.tasks.update(task.id, {"calendars": back}, ADMIN)
    assert await coming(scheduler, task) == [start + 2 * DAY]


async def test_runs_begin_as_much_later_as_their_jitter_says_and_keep_their_instant(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    services, client, file = scheduler.services, scheduler.services.engine.client, tmp_path / "jitter"
    task = await scheduler.task(
        schedule="*/8 * * * * *", overlap=Overlap.QUEUE, jitter=timedelta(seconds=6), config=stamping(file)
    )

    async def ran_twice() -> bool:
        return len(await scheduler.history(task)) >= 2

    await wait_until(ran_twice, "it has run twice", PATIENCE_SECONDS)
    for execution in await scheduler.history(task):
        instant = execution.scheduled_for
        assert instant is not None
        assert instant in due_between(task, task.created_at, datetime.now(UTC), 100)
        waits = execution.status is ExecutionStatus.PENDING  # since its instant
        assert waits or execution.started_at >= begin_of(task, instant)

    async def begins() -> dict[datetime, datetime]:
        body = {"flow_runs": {"deployment_id": {"any_": [str(yearly.deployment_id)]}}}
        found = (await client.request("POST", "/flow_runs/filter", json=body)).json()
        return {
            datetime.fromisoformat(each["expected_start_time"].replace("Z", "+00:00")): datetime.fromisoformat(
                each["next_scheduled_start_time"].replace("Z", "+00:00")
            )
            for each in found
        }

    yearly = await scheduler.task(schedule="0 0 0 1 1 *", jitter=timedelta(minutes=30), max_runs=2)
    planned = await begins()
    assert len(planned) == 2
    assert planned == {each: begin_of(yearly, each) for each in planned}
    assert all(begin > instant for instant, begin in planned.items())
    await services.tasks.update(yearly.id, {"jitter": timedelta(minutes=3)}, ADMIN)
    yearly = await services.tasks.get(yearly.id)
    assert await begins() == {each: begin_of(yearly, each) for each in planned}
    [flow_run] = (
        await client.request(
            "POST",
            "/flow_runs/filter",
            json={"flow_runs": {"deployment_id": {"any_": [str(yearly.deployment_id)]}}, "limit": 1},
        )
    ).json()
    nominal = datetime.fromisoformat(flow_run["expected_start_time"].replace("Z", "+00:00"))
    await client.set_flow_run_state(UUID(flow_run["id"]), Scheduled(scheduled_time=nominal))
    await services.tasks.update(yearly.id, {"description": "The facade had died before it set the begin"}, ADMIN)
    assert await begins() == {each: begin_of(yearly, each) for each in planned}


async def test_after_an_outage_a_late_run_is_skipped_and_a_run_that_may_be_late_runs(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    """The instants were due some minutes ago; nobody was there to plan or to run them."""
    services, now = scheduler.services, datetime.now(UTC).replace(microsecond=0)
    due_at = now - timedelta(minutes=4)
    schedule = f"{due_at.second} {due_at.minute} * * * *"
    tasks = {}
    for name, start_within in {"strict": timedelta(minutes=1), "patient": timedelta(minutes=30)}.items():
        stored = a_task(
            id=f"late-{name}-{now:%H%M%S}", name=f"late {name} {now:%H%M%S}", type="function", schedule=schedule,
            config=stamping(tmp_path / name), start_within=start_within,
        )  # fmt: skip
        stored = replace(stored, created_at=now - HOUR, updated_at=now - HOUR)
        tasks[name] = await services.stores.tasks.insert(stored)
        scheduler.made.append(stored.id)
    await services.reconcile.reload()
    for task in tasks.values():
        deployed = await services.tasks.get(task.id)
        assert due_between(deployed, due_at, now, 10) == [due_at]
        await services.engine.plans.plan_instants(deployed, [due_at])

    async def skipped() -> Execution | None:
        wanted = ExecutionFilter(outcomes=(ExecutionOutcome.SKIPPED,))
        page = await services.runs.history(tasks["strict"].id, wanted, PageRequest(size=10))
        return page.items[0] if page.items else None

    async def ran() -> bool:
        return stamped(tmp_path / "patient") == [due_at]

    late: Execution = await wait_until(skipped, "the late run is skipped", PATIENCE_SECONDS)
    assert late.skip is not None
    assert (late.skip.reason, late.scheduled_for) == (SkipReason.TOO_LATE, due_at)
    await wait_until(ran, "the other one runs", PATIENCE_SECONDS)
    assert stamped(tmp_path / "strict") == []
    still = await services.tasks.get(tasks["strict"].id)
    assert (still.record.total_runs, still.record.skipped_count) == (0, 1)
