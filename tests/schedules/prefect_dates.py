"""What Prefect's scheduler makes of a schedule: the dates its own server code generates, merged as it would."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect.server.schemas import schedules as server_schedules

from falcon_scheduler.adapters.prefect.schedules import NamedSchedule, to_prefect
from falcon_scheduler.core.domain.schedule import Schedule


def all_dates(schedule: Schedule, start: datetime, count: int, end: datetime) -> list[datetime]:
    """As `prefect_dates`, with the single instants whose runs we ask for one by one; `@every` counts from `start`."""
    dates = dates_of(to_prefect(schedule, now=start, since=start), start, count, end)
    return sorted([*dates, *(each for each in schedule.single_instants if start <= each <= end)])


def prefect_dates(schedule: Schedule, start: datetime, count: int, end: datetime) -> list[datetime]:
    """The first `count` dates from `start` to `end` if Prefect gets the schedule at `start`."""
    return dates_of(to_prefect(schedule, now=start), start, count, end)


def dates_of(told: list[NamedSchedule], start: datetime, count: int, end: datetime) -> list[datetime]:
    """The first `count` dates from `start` to `end`, as the server reads the JSON it is sent; doubles are kept."""
    dates: list[datetime] = []
    for named in told:
        server_side = getattr(server_schedules, type(named.schedule).__name__)
        stored = server_side.model_validate(named.schedule.model_dump(mode="json"))
        dates += stored._get_dates_generator(n=count, start=start, end=end)
    return [datetime.fromtimestamp(date.timestamp(), UTC) for date in sorted(dates)[:count]]
