"""What the schedule and the task's settings of time say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from falcon_scheduler.core.domain.calendars import CalendarDays, CalendarRules, CalendarVersion
from falcon_scheduler.core.domain.catch_up import CatchUp, CatchUpRules, Missed
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.services.ledger.execution_causes import LATE_AFTER
from falcon_scheduler.core.services.tasks.fire_times import begin_of
from tests.conftest import ADMIN, wait_until
from tests.explain.bench import PATIENCE_SECONDS, Asked, Bench, TooSlow
from tests.explain.by_people import cron
from tests.explain.causes import together

EVERY_5_SECONDS = "*/5 * * * * *"
STEP = timedelta(seconds=5)


def on_step(instant: datetime) -> datetime:
    """The next instant of `EVERY_5_SECONDS`."""
    whole = instant.replace(microsecond=0)
    return whole + STEP - timedelta(seconds=whole.second % 5)


async def named_in_advance(bench: Bench, task: Task, at: datetime, cause: Cause) -> Asked:
    """Ask for the cause before the instant. It is to be the same after it."""
    asked = Asked(task=task, at=at, cause=cause)
    await bench.moment()
    await bench.is_named(asked)
    await bench.until(at, 1)
    return asked


@together
async def a_start_that_is_too_late(bench: Bench) -> Asked:
    task, at = await bench.due(config=bench.long(), overlap=Overlap.QUEUE, start_within=timedelta(seconds=2))
    front = await bench.in_front(task)
    bench.in_advance(at)
    await bench.until(at, 3)
    await bench.moment()
    await bench.send("POST", f"/executions/{front.id}/cancel")
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.TOO_LATE)


@together
async def a_limit_of_runs(bench: Bench) -> Asked:
    task = await bench.shop.task(schedule=EVERY_5_SECONDS, max_runs=1)
    await bench.moment()

    async def ran() -> bool:
        return any(each.status.is_terminal for each in await bench.shop.history(task))

    await wait_until(ran, "the only run has ended", PATIENCE_SECONDS)
    at = on_step(datetime.now(UTC) + STEP)
    await bench.is_named(Asked(task=task, at=at, cause=Cause.RUN_LIMIT))
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.RUN_LIMIT)


@together
async def an_end_date(bench: Bench) -> Asked:
    at = on_step(bench.soon())
    task = await bench.shop.task(schedule=EVERY_5_SECONDS, end_at=at - STEP)
    return await named_in_advance(bench, task, at, Cause.END_DATE)


@together
async def a_start_date(bench: Bench) -> Asked:
    at = on_step(bench.soon())
    task = await bench.shop.task(schedule=EVERY_5_SECONDS, start_at=at + timedelta(days=1))
    return await named_in_advance(bench, task, at, Cause.START_DATE)


@together
async def a_day_that_a_calendar_excludes(bench: Bench) -> Asked:
    at, name = on_step(bench.soon()), f"closed-{uuid4().hex[:8]}"
    days = CalendarDays(dates=(at.date(), at.date() + timedelta(days=1)))
    await bench.shop.services.calendars.create(name, days, "", ADMIN)
    rules = CalendarRules(exclude=(CalendarVersion(name=name),))
    task = await bench.shop.task(schedule=EVERY_5_SECONDS, calendars=rules)
    return await named_in_advance(bench, task, at, Cause.CALENDAR)


@together
async def a_pause_that_is_caught_up_with(bench: Bench) -> Asked:
    at = bench.soon()
    catch_up = CatchUpRules(after_pause=CatchUp(runs=Missed.LAST))
    task = await bench.shop.task(schedule=cron(at), catch_up=catch_up)
    await bench.moment()
    await bench.post(task, "pause")
    bench.in_advance(at)
    await bench.until(at + LATE_AFTER, 1)
    await bench.is_named(Asked(task=task, at=at, cause=Cause.PAUSED))
    await bench.post(task, "resume")
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.CAUGHT_UP)


@together
async def an_edit_that_is_caught_up_with(bench: Bench) -> Asked:
    catch_up = CatchUpRules(after_edit=CatchUp(runs=Missed.LAST))
    task = await bench.shop.task(schedule="0 0 0 1 1 *", catch_up=catch_up)
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    await bench.until(at + LATE_AFTER, 1)
    await bench.put(task, schedule=cron(at))
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.CAUGHT_UP)


@together
async def a_jitter(bench: Bench) -> Asked:
    while True:
        at = bench.soon()
        task = await bench.shop.task(schedule=cron(at), jitter=timedelta(seconds=40))
        if timedelta(seconds=20) < begin_of(task, at) - at:
            break
        await bench.post(task, "stop")
    bench.in_advance(at)
    begin = begin_of(task, at)
    await bench.until(at, 1)
    bench.in_advance(begin - timedelta(seconds=10))
    await bench.is_named(Asked(task=task, at=at, cause=Cause.STARTING))
    execution = await bench.served(task, at)
    assert execution.started_at >= begin
    if execution.started_at >= begin + LATE_AFTER:
        raise TooSlow(f"it began {execution.started_at - begin} too late")
    return Asked(task=task, at=at, cause=Cause.ON_TIME)


@together
async def clocks_that_change(bench: Bench) -> Asked:
    task = await bench.shop.task(schedule="0 30 2 * * *", timezone="America/New_York")
    skipped = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)
    await bench.is_named(Asked(task=task, at=skipped, cause=Cause.CLOCK_SKIPPED))
    once = await bench.shop.task(schedule="0 30 1 * * *", timezone="America/New_York")
    first = datetime(2027, 11, 7, 5, 30, tzinfo=UTC)
    await bench.is_named(Asked(task=once, at=first, cause=Cause.DUE))
    return Asked(task=once, at=first + timedelta(hours=1), cause=Cause.CLOCK_REPEATED)


@together
async def the_end_of_the_schedule(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.served(task, at)
    return Asked(task=task, at=at + timedelta(seconds=5), cause=Cause.ENDED)


@together
async def an_instant_that_the_schedule_does_not_name(bench: Bench) -> Asked:
    at = bench.soon()
    task = await bench.shop.task(schedule="0 0 0 1 1 *")
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.NOT_NAMED)


@together
async def an_instant_before_the_task(bench: Bench) -> Asked:
    task = await bench.shop.task(schedule=EVERY_5_SECONDS)
    await bench.post(task, "pause")
    before = on_step(task.created_at - timedelta(hours=1) - bench.delay)
    return Asked(task=task, at=before, cause=Cause.NOT_CREATED)
