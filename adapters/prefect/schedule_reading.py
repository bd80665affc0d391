"""Prefect schedules as our schedule text, if one text has the same meaning: the inverse of `schedules.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.schedule import Schedule, parse
from falcon_scheduler.core.errors import Invalid

COMPARED_DATES = 20
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
"""A leap year's first day: where the comparison of two readings of an expression begins."""


def from_prefect(schedules: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Expression and time zone of a deployment's schedules; None when there is not exactly one that we can express.

    A cron expression is taken only if it means the same to Prefect and to us, date by date.
    """
    if len(schedules) != 1:
        return None
    schedule = schedules[0]["schedule"]
    if "interval" in schedule:
        interval = timedelta(seconds=float(schedule["interval"]))
        whole = interval >= timedelta(seconds=1) and interval % timedelta(seconds=1) == timedelta()
        return (f"@every {format_duration(interval)}", "UTC") if whole else None
    if "cron" not in schedule:
        return None
    timezone = schedule.get("timezone") or "UTC"
    fields = str(schedule["cron"]).split()
    texts = {1: fields, 5: ["0", *fields], 6: [*fields[-1:], *fields[:-1]]}
    text = " ".join(texts.get(len(fields), []))
    try:
        ours = parse(text, timezone)
        same = _dates(ours) == _their_dates(schedule["cron"], timezone, bool(schedule.get("day_or", True)))
    except (Invalid, CroniterError, ValueError, KeyError):
        return None
    return (text, timezone) if same else None


def _dates(schedule: Schedule) -> list[datetime]:
    dates: list[datetime] = []
    instant = EPOCH
    while len(dates) < COMPARED_DATES and (following := schedule.next_after(instant)) is not None:
        dates.append(following.astimezone(UTC))
        instant = following
    return dates


def _their_dates(cron: str, timezone: str, day_or: bool) -> list[datetime]:
    start = EPOCH.astimezone(ZoneInfo(timezone))
    dates = croniter(cron, start, day_or=day_or).all_next(datetime)
    return [instant.astimezone(UTC) for instant in islice(dates, COMPARED_DATES)]
