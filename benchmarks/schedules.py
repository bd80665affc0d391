"""What schedules cost: our next instant, the translation, and Prefect's planning of what it was handed.

    python -m benchmarks.schedules            # everything; a minute or two
    python -m benchmarks.schedules planner    # only Prefect's planner
    PYTHONTZPATH= python -m benchmarks.schedules

The last form keeps Prefect from walking the system's time zone folder, see decision 0005.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from time import perf_counter, thread_time
from typing import Any

HOME = tempfile.mkdtemp(prefix="schedules-benchmark-")
os.environ |= {
    "PREFECT_HOME": HOME,
    "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{HOME}/prefect.db",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

from prefect.server.schemas import schedules as server  # noqa: E402 - Prefect reads its settings when it is imported

from falcon_scheduler.adapters.prefect.schedules import to_prefect  # noqa: E402
from falcon_scheduler.core.domain.schedule import Schedule, parse  # noqa: E402

NOW = datetime.now(UTC)
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Lord_Howe", "Africa/Casablanca")
FIELDS = ("0", "*/5", "30", "0,30", "9-17", "*", "*", "1", "*/2", "1-5")
COMMON = (
    *("* * * * * *", "*/10 * * * * *", "0 * * * * *", "0 */5 * * * *", "0 0 * * * *", "0 0 3 * * *", "0 0 3 * * SUN"),
    *("0 0 9-17 * * MON-FRI", "0 30 2 * * *", "0 0 0 1 * *", "0 0 0 29 2 *", "@every 90s"),
)
SPARSE = ("0 0 0 29 2 *", "0 0 0 31 1 *", "59 59 23 31 12 *")
LOCAL_HANDED = ("0 0 * * * SUN", "0 0 */2 * * *")
PLANNED = (
    *((10, "* * * * * *"), (200, "*/10 * * * * *"), (200, "0 */5 * * * *"), (200, "0 0 3 * * *")),
    *((200, "0 30 2 * * *"), (200, "0 0 * * * SUN")),
)
# Forms that we do not use, to compare with: a year of dates one by one, and rules walked from their beginning.
DAY_AGO = f"{NOW - timedelta(days=1):%Y%m%dT000000}"
OTHERS = {
    "rrule, every second for a day": (f"DTSTART:{DAY_AGO}\nRRULE:FREQ=SECONDLY", "UTC"),
    "rrule, every minute since 2026": ("DTSTART:20260101T000000\nRRULE:FREQ=MINUTELY;BYSECOND=0", "UTC"),
    "rrule, daily in local time since 2020": (
        "DTSTART:20200101T000000\nRRULE:FREQ=DAILY;BYHOUR=2",
        "America/New_York",
    ),
    "rrule, 365 dates": (
        "RDATE:" + ",".join((NOW + timedelta(days=n)).strftime("%Y%m%dT%H%M%SZ") for n in range(365)),
        "UTC",
    ),
}


def main() -> None:
    """Print every table."""
    if sys.argv[1:] == ["planner"]:
        asyncio.run(planner_loop())
        return
    print(f"Python {sys.version.split()[0]}, PYTHONTZPATH={os.environ.get('PYTHONTZPATH', 'not set')!r}")
    next_instants()
    translation()
    planning()
    asyncio.run(planner_loop())


def next_instants() -> None:
    """`next_after`: random schedules at random instants, and those that hardly ever fire."""
    random = Random(1)
    schedules: list[Schedule] = []
    while len(schedules) < 2_000:
        try:
            schedules.append(parse(" ".join(random.choice(FIELDS) for _ in range(6)), random.choice(ZONES)))
        except ValueError:
            continue
    instants = [NOW + timedelta(seconds=random.randrange(10 * 365 * 86_400)) for _ in range(2_000)]
    cold = [_seconds(partial(s.next_after, i)) for s, i in zip(schedules, instants, strict=True)]
    warm = [_seconds(partial(s.next_after, i)) for s, i in zip(schedules, instants, strict=True)]
    _show("next_after, first time in each year of a zone", cold)
    _show("next_after, later", warm)
    for expression in SPARSE:
        schedule = parse(expression, "America/New_York")
        _show(f"next_after, {expression}", [_seconds(partial(schedule.next_after, i)) for i in instants])


def translation() -> None:
    """`to_prefect`, and the number of Prefect schedules that it makes."""
    for expression in (*COMMON, *LOCAL_HANDED):
        schedule = parse(expression, "America/New_York")
        count = len(to_prefect(schedule, now=NOW))
        costs = [_seconds(partial(to_prefect, schedule, now=NOW)) for _ in range(200)]
        _show(f"to_prefect, {expression} in New York: {count}", costs)


def planning() -> None:
    """One deployment's share of Prefect's loop: read the stored schedule, then make dates until it has enough."""
    for expression in (*COMMON, *LOCAL_HANDED):
        stored = [
            (getattr(server, type(named.schedule).__name__), named.schedule.model_dump(mode="json"))
            for named in to_prefect(parse(expression, "America/New_York"), now=NOW)
        ]
        _show_planning(f"{expression}: {len(stored)}", [partial(kind.model_validate, dump) for kind, dump in stored])
    for name, (rule, zone) in OTHERS.items():
        _show_planning(name, [partial(server.RRuleSchedule, rrule=rule, timezone=zone)])


async def planner_loop() -> None:
    """Prefect's own planner over a database with so many deployments of a schedule, as it runs every loop."""
    from prefect.server import models as prefect_models
    from prefect.server import schemas
    from prefect.server.database import provide_database_interface
    from prefect.server.services.scheduler import schedule_deployments

    models: Any = prefect_models  # mypy does not see through the decorator of its functions
    database = provide_database_interface()
    await database.create_db()
    for index, (deployments, expression) in enumerate(PLANNED):
        told = [
            schemas.actions.DeploymentScheduleCreate(
                active=True, slug=named.slug, schedule=named.schedule.model_dump(mode="json")
            )
            for named in to_prefect(parse(expression, "America/New_York"), now=NOW)
        ]
        async with database.session_context(begin_transaction=True) as session:
            flow = await models.flows.create_flow(session=session, flow=schemas.core.Flow(name=f"flow {index}"))
            for number in range(deployments):
                deployment = schemas.core.Deployment(name=str(number), flow_id=flow.id, paused=False)
                made = await models.deployments.create_deployment(session=session, deployment=deployment)
                assert made is not None
                await models.deployments.create_deployment_schedules(
                    session=session, deployment_id=made.id, schedules=told
                )
        first, second = [await _loop(schedule_deployments) for _ in range(2)]
        name = f"planner loop, {deployments} of {expression}"
        print(f"{name:58} first {first:6.2f} s, next {second:6.2f} s", flush=True)
        async with database.session_context(begin_transaction=True) as session:
            await models.flows.delete_flow(session=session, flow_id=flow.id)


async def _loop(planner: Any) -> float:
    begin = perf_counter()
    await planner()
    return perf_counter() - begin


def _show_planning(name: str, read: list[Callable[[], Any]]) -> None:
    reading = [_seconds(lambda: [each() for each in read]) for _ in range(5)]
    making = [_seconds(lambda: [*map(_plan, (each() for each in read))]) for _ in range(5)]
    both = f"read {statistics.median(reading) * 1e3:9.2f} ms, read and plan {statistics.median(making) * 1e3:9.2f} ms"
    print(f"{'plan, ' + name:58} {both}")


def _plan(schedule: Any) -> None:
    """As `_generate_scheduled_flow_runs` does with Prefect's default settings."""
    dates = schedule._get_dates_generator(n=100, start=NOW, end=NOW + timedelta(days=100))
    for count, date in enumerate(dates, 1):
        if count >= 3 and date >= NOW + timedelta(hours=1):
            break


def _seconds(call: Callable[[], Any]) -> float:
    """Processor time, so that others on the machine do not count."""
    begin = thread_time()
    call()
    return thread_time() - begin


def _show(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    median, high = ordered[len(ordered) // 2] * 1e6, ordered[int(len(ordered) * 0.99)] * 1e6
    print(f"{name:58} median {median:8.1f} us, p99 {high:8.1f} us, most {ordered[-1] * 1e6:8.1f} us")


if __name__ == "__main__":
    main()
