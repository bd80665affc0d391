"""Lengths of time with a first run as Prefect's iCalendar rules (RFC 5545).

dateutil walks a rule from its beginning at each planning, so a rule begins no earlier than it has to. Its times are
local without a clock change, so a date whose time the clock skips is excluded by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from prefect.client.schemas.schedules import RRuleSchedule

from falcon_scheduler.adapters.prefect.clock_change_days import stretches_between
from falcon_scheduler.core.domain.cron.timings import EveryDays

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


def every_days(timing: EveryDays, zone: str, now: datetime) -> RRuleSchedule:
    """The same wall time every so many days. The answer changes once a year at most."""
    step = _DAY * timing.days
    earliest = datetime(now.year - 1, 1, 1)  # noqa: DTZ001 - a wall time
    begin = timing.begin + step * max(-((timing.begin - earliest) // step), 0)
    rule = _rule(begin, f"FREQ=DAILY;INTERVAL={timing.days}", zone)
    skipped = ",".join(
        f"{wall:%Y%m%dT%H%M%S}" for wall in _skipped(begin, step, zone, now.year + _EXCLUDED_FOR_YEARS)
    )
    return rule.model_copy(update={"rrule": f"{rule.rrule}\nEXDATE:{skipped}"}) if skipped else rule


def _skipped(begin: datetime, step: timedelta, zone: str, until_year: int) -> Iterator[datetime]:
    """The wall times of the rule that the zone's clock skips."""
    around = stretches_between(zone, begin - 2 * _DAY, datetime(until_year, 1, 1))  # noqa: DTZ001 - naive UTC
    for before, after in pairwise(around):
        gap, end = before.end + before.offset, after.begin + after.offset
        wall = begin + step * max(-((begin - gap) // step), 0)
        while wall < end:
            yield wall
            wall += step


def _rule(begin: datetime, rule: str, zone: str) -> RRuleSchedule:
    # Not validated again, as in cron_text.py.
    return RRuleSchedule.model_construct(rrule=f"DTSTART:{begin:%Y%m%dT%H%M%S}\nRRULE:{rule}", timezone=zone)
