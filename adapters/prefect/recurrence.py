"""Lengths of time with a first run as Prefect's iCalendar rules (RFC 5545).

dateutil walks a rule from its beginning at each planning, so a rule begins no earlier than it has to. Its times are
local without a clock change, so a date whose time the clock skips is excluded by name. So is a date that dateutil
takes for another instant: beside a change of a zone whose winter time is stored as a negative summer time
(Europe/Dublin, Africa/Casablanca). A second rule names those instants in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from dateutil import tz
from prefect.client.schemas.schedules import RRuleSchedule

from falcon_scheduler.adapters.prefect.clock_change_days import stretches_between
from falcon_scheduler.core.domain.cron.timings import EveryDays, instant_of

_DAY = timedelta(days=1)
_FREQUENCIES = (
    ("HOURLY", timedelta(hours=1)),
    ("MINUTELY", timedelta(minutes=1)),
    ("SECONDLY", timedelta(seconds=1)),
)
_EXCLUDED_FOR_YEARS = 14
"""Prefect plans no further ahead than the stack sets it to, some twelve years."""


def from_begin(begin: datetime, interval: timedelta) -> RRuleSchedule:
    """A fixed length of time whose first run, in naive UTC, is still to come."""
    frequency, unit = next(each for each in _FREQUENCIES if not interval % each[1])
    return _rule(begin, f"FREQ={frequency};INTERVAL={interval // unit}", "UTC")


def every_days(timing: EveryDays, zone: str, now: datetime) -> list[RRuleSchedule]:
    """The same wall time every so many days. The answer changes once a year at most."""
    step = _DAY * timing.days
    earliest = datetime(now.year - 1, 1, 1)  # noqa: DTZ001 - a wall time
    begin = timing.begin + step * max(-((timing.begin - earliest) // step), 0)
    rule = _rule(begin, f"FREQ=DAILY;INTERVAL={timing.days}", zone)
    excluded: list[datetime] = []
    instants: list[datetime] = []
    clock = tz.gettz(zone)
    for wall in _beside_changes(begin, step, zone, now.year + _EXCLUDED_FOR_YEARS):
        instant = instant_of(wall, zone)
        taken_for = wall - (wall.replace(tzinfo=clock).utcoffset() or timedelta())
        if instant != taken_for:
            excluded.append(wall)
            instants += [instant] if instant is not None else []
    if excluded:
        rule = rule.model_copy(update={"rrule": f"{rule.rrule}\nEXDATE:{_dates(excluded)}"})
    return [rule, _rule(instants[0], f"FREQ=DAILY;COUNT=1\nRDATE:{_dates(instants)}", "UTC")] if instants else [rule]


def _dates(moments: Iterable[datetime]) -> str:
    return ",".join(f"{moment:%Y%m%dT%H%M%S}" for moment in moments)


def _beside_changes(begin: datetime, step: timedelta, zone: str, until_year: int) -> Iterator[datetime]:
    """The wall times of the rule less than a day from a clock change of its zone, in order."""
    around = stretches_between(zone, begin - 2 * _DAY, datetime(until_year, 1, 1))  # noqa: DTZ001 - naive UTC
    latest = begin - step
    for before, after in pairwise(around):
        if before.offset == after.offset:  # cut at the end of a year
            continue
        first, end = before.end + before.offset - _DAY, after.begin + after.offset + _DAY
        wall = max(begin + step * max(-((begin - first) // step), 0), latest + step)
        while wall < end:
            yield wall
            latest = wall
            wall += step


def _rule(begin: datetime, rule: str, zone: str) -> RRuleSchedule:
    # Not validated again, as in cron_text.py.
    return RRuleSchedule.model_construct(rrule=f"DTSTART:{begin:%Y%m%dT%H%M%S}\nRRULE:{rule}", timezone=zone)
