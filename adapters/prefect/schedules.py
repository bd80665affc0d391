"""Our schedules as Prefect schedules whose dates are ours, on every Python. It sends no requests.

Why these forms and no others: docs/decisions/0005-schedules-in-prefect.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from falcon_scheduler.adapters.prefect.boxes import boxes_of
from falcon_scheduler.adapters.prefect.clock_change_days import changed_dates, schedules_on, stretches_between
from falcon_scheduler.adapters.prefect.cron_text import EVERY_DAY, Days, Times, cron_schedule, parted_for_croniter
from falcon_scheduler.adapters.prefect.recurrence import every_days, from_begin
from falcon_scheduler.core.domain.cron.fields import HOUR, MINUTE, MONTH
from falcon_scheduler.core.domain.cron.timetable import Timetable
from falcon_scheduler.core.domain.schedule import Clause, Every, EveryDays, Schedule

PrefectSchedule = CronSchedule | IntervalSchedule | RRuleSchedule

_FORESEEN = timedelta(days=300)
# A month and a bit: so the schedule that is at work keeps its slug when a past change is dropped. Together with
# _FORESEEN it stays below a year, since a date is named by month and day only.
_REMEMBERED = timedelta(days=40)
# A timetable is free of clock changes if no offset changes within this time.
_UNCHANGING_FOR = timedelta(days=5 * 366)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CRON, _EVERY = "cron", "every"


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """One Prefect schedule of a deployment and the slug that it keeps: `cron`, then `cron-2` and so on.

    A length of time with a first run has the slug `every`.
    """

    slug: str
    schedule: PrefectSchedule


def to_prefect(schedule: Schedule, *, now: datetime, since: datetime | None = None) -> list[NamedSchedule]:
    """The Prefect schedules that together fire at exactly our instants; empty if there are none within 300 days.

    Single instants (`@at`) have none: their runs are planned one by one, see `adapters.prefect.plans`.

    The same arguments give the same answer, and most schedules give the same one at any `now`.

    Args:
        schedule: ours.
        now: the present; the answer is exact for dates up to 300 days later, and Prefect plans 100 days
            ahead. The reload sends it again when it changes.
        since: when the schedule took effect, from which `@every` counts; keep it the same for the same task. Left
            out, the Unix epoch.
    """
    present = now.astimezone(UTC).replace(tzinfo=None)
    found: dict[str, list[PrefectSchedule]] = {_CRON: [], _EVERY: []}
    timetables: dict[str, list[Timetable]] = defaultdict(list)
    for clause in schedule.clauses:
        timetables[clause.timezone] += clause.timetables
        for slug, one in _of_length_or_instant(clause, present, since or _EPOCH):
            found[slug].append(one)
    crons = [one for zone, each in timetables.items() if each for one in _of_timetables(each, zone, present)]
    found[_CRON] = [*crons, *found[_CRON]]
    return [
        NamedSchedule(slug if n == 1 else f"{slug}-{n}", one)
        for slug, named in found.items()
        for n, one in enumerate(named, 1)
    ]


def _of_length_or_instant(clause: Clause, now: datetime, since: datetime) -> Iterator[tuple[str, PrefectSchedule]]:
    match clause.timing:
        case Every(interval, None):
            yield _CRON, _interval(interval, since)
        case Every(interval, datetime() as begin) if begin > now:
            yield _EVERY, from_begin(begin, interval)
        case Every(interval, datetime() as begin):
            yield _EVERY, _interval(interval, begin.replace(tzinfo=UTC))
        case EveryDays():
            yield from ((_EVERY, rule) for rule in every_days(clause.timing, clause.timezone, now))


def _of_timetables(timetables: Sequence[Timetable], zone: str, now: datetime) -> list[PrefectSchedule]:
    if len(timetables) == 1 and not timetables[0].differs_by_month:
        return _of_timetable(timetables[0], zone, now)
    exceptions: set[date] = set()
    if len(_offsets(zone, now)) > 1:
        for timetable in timetables:
            exceptions |= {*changed_dates(timetable, zone, now - _REMEMBERED, now + _FORESEEN)}
    wanted = [
        (Times(box.hours, box.minutes, box.seconds), months, days)
        for box in boxes_of(timetables, now, _REMEMBERED)
        for months, days in _apart_from(Days(box.dates, box.weekdays, both=True), box.months, exceptions)
    ]
    local = [
        cron_schedule(times, possible, part, zone)
        for times, months, days in wanted
        for possible, part in parted_for_croniter(days, months)
    ]
    return [*local, *_on_exceptions(timetables, zone, sorted(exceptions), now)]


def _of_timetable(timetable: Timetable, zone: str, now: datetime) -> list[PrefectSchedule]:
    interval = _even_seconds(timetable)
    if interval is not None:
        return [interval]
    offsets = _offsets(zone, now)
    if len(offsets) > 1:
        in_utc = _in_utc(timetable, offsets)
        if in_utc is not None:
            return [in_utc]
        exceptions = changed_dates(timetable, zone, now - _REMEMBERED, now + _FORESEEN)
    else:
        exceptions = []
    return [*_local(timetable, zone, exceptions), *_on_exceptions([timetable], zone, exceptions, now)]


def _on_exceptions(
    timetables: Sequence[Timetable], zone: str, exceptions: Iterable[date], now: datetime
) -> list[CronSchedule]:
    to_come = [day for day in exceptions if day >= (now - timedelta(days=2)).date()]
    return [one for day in to_come for one in schedules_on(timetables, zone, day)]


def _offsets(zone: str, now: datetime) -> set[timedelta]:
    around = stretches_between(zone, now - _REMEMBERED, now + _UNCHANGING_FOR)
    return {stretch.offset for stretch in around}


def _even_seconds(timetable: Timetable) -> IntervalSchedule | None:
    """An interval for `* * * * * *` and `*/n` of the minute: any zone agrees, and Prefect plans it cheapest."""
    seconds = [second for second in range(60) if timetable.second.values >> second & 1]
    if len(seconds) < 2 or not _is_unrestricted(timetable) or timetable.minute.values != MINUTE.every:
        return None
    step = seconds[1]
    if seconds != list(range(0, 60, step)) or 60 % step:
        return None
    return _interval(timedelta(seconds=step), _EPOCH)


def _in_utc(timetable: Timetable, offsets: Iterable[timedelta]) -> CronSchedule | None:
    """One schedule in UTC, if every hour of every day counts and all offsets turn the minutes alike."""
    if not _is_unrestricted(timetable):
        return None
    turned = {_turn(timetable.minute.values, offset) for offset in offsets}
    if len(turned) > 1:
        return None
    return cron_schedule(Times(HOUR.every, turned.pop(), timetable.second.values), EVERY_DAY, MONTH.every, "UTC")


def _is_unrestricted(timetable: Timetable) -> bool:
    every_hour = timetable.keeps_rhythm and timetable.hour.values == HOUR.every
    days = _days(timetable).within(timetable.month.values)
    return every_hour and timetable.month.values == MONTH.every and days == EVERY_DAY


def _turn(minutes: int, offset: timedelta) -> int:
    """The minutes that a UTC clock shows when one ahead by `offset` shows these."""
    ahead = offset // timedelta(minutes=1) % 60
    return (minutes >> ahead | minutes << (60 - ahead)) & MINUTE.every


def _local(timetable: Timetable, zone: str, exceptions: Iterable[date]) -> list[CronSchedule]:
    """Schedules in local time for every date but the exceptions."""
    times = Times(timetable.hour.values, timetable.minute.values, timetable.second.values)
    return [
        cron_schedule(times, possible, part, zone)
        for months, days in _apart_from(_days(timetable), timetable.month.values, exceptions)
        for possible, part in parted_for_croniter(days, months)
    ]


def _apart_from(days: Days, months: int, exceptions: Iterable[date]) -> list[tuple[int, Days]]:
    """The days of these months without the exceptions, as parts of which no two share a date."""
    taken_out: dict[int, int] = defaultdict(int)
    for day in sorted(exceptions):
        taken_out[day.month] |= 1 << day.day
    wanted = [(months & ~sum(1 << month for month in taken_out), days)]
    for month, out in taken_out.items():
        wanted += [(1 << month & months, part) for part in _without(days, out)]
    return wanted


def _without(days: Days, out: int) -> list[Days]:
    """Dates without some days of the month, as parts of which no two share a date."""
    if days.both:
        return [Days(days.of_month & ~out, days.of_week, both=True)]
    return [
        Days(days.of_month & ~out, EVERY_DAY.of_week, both=True),
        Days(EVERY_DAY.of_month & ~days.of_month & ~out, days.of_week, both=True),
    ]


def _days(timetable: Timetable) -> Days:
    return Days(timetable.day_of_month.values, timetable.day_of_week.values, timetable.needs_both_days)


def _interval(interval: timedelta, anchor: datetime) -> IntervalSchedule:
    anchor_at = anchor.astimezone(UTC).replace(microsecond=0)
    # Not validated again, as in cron_text.py. Prefect's own date type is a plain datetime from Python 3.13 on.
    return IntervalSchedule.model_construct(
        interval=interval,
        anchor_date=anchor_at,  # type: ignore[arg-type]
        timezone="UTC",
    )
