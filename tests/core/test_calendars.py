"""On which days a task runs, by the versions of its calendars in force, against a slow search of every instant."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from falcon_scheduler.core.domain.business_days import begin_of_day, day_of, instant_of, next_under
from falcon_scheduler.core.domain.calendars import (
    CalendarDays,
    CalendarRules,
    CalendarVersion,
    DayRange,
    OnExcluded,
    WeekdayWindow,
)
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.forecast.days import due_in
from falcon_scheduler.core.domain.forecast.patterns import Span, seconds_of
from falcon_scheduler.core.domain.icalendar import ICalendarError, days_of_icalendar
from falcon_scheduler.core.domain.schedule import parse
from falcon_scheduler.core.domain.skip import SkipReason
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.runs.skip_rule import skip_of
from falcon_scheduler.core.services.tasks import planned_tasks
from falcon_scheduler.core.services.tasks.fire_times import next_run, single_instants
from falcon_scheduler.core.services.tasks.upcoming import next_runs
from tests.core import explained_world, ledger_world
from tests.core.ledger_world import MINUTE, brief, ran
from tests.core.test_time_rules import a_task, ticket
from tests.fakes.clock import NOON

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WEEKEND = CalendarDays(weekdays=(WeekdayWindow((5, 6)),))
BOXING_DAY = CalendarDays(dates=(date(2026, 12, 26),))
CREATED = datetime(2020, 1, 1, tzinfo=UTC)


def version(days: CalendarDays, number: int = 1, name: str = "free") -> CalendarVersion:
    return CalendarVersion(name=name, version=number, days=days)


def excluding(days: CalendarDays, on_excluded: OnExcluded = OnExcluded.SKIP) -> CalendarRules:
    return CalendarRules(exclude=(version(days),), on_excluded=on_excluded)


def slowly(rules: CalendarRules, zone: str, text: str, begin: datetime, end: datetime) -> list[datetime]:
    """Each instant of the schedule around the time, one after the other, left or moved as the rules say."""
    schedule, found, step = parse(text, zone), set[datetime](), DAY
    if rules.on_excluded is OnExcluded.PREVIOUS_BUSINESS_DAY:
        step = -DAY
    at = schedule.next_after(begin - 40 * DAY, CREATED)
    while at is not None and at < end + 40 * DAY:
        day, moved = day_of(at, zone), 0
        while rules.exclusion(day) is not None and rules.on_excluded is not OnExcluded.SKIP and moved < 31:
            day, moved = day + step, moved + 1
        if rules.exclusion(day) is None:
            wall = at.astimezone(ZoneInfo(zone)).time()
            found.add(instant_of(day, wall, zone) if moved else at)
        at = schedule.next_after(at, CREATED)
    return sorted(each for each in found if begin < each < end)


def quickly(rules: CalendarRules, zone: str, text: str, begin: datetime, end: datetime) -> list[datetime]:
    next_after = partial(parse(text, zone).next_after, counted_from=CREATED)
    found, at = [], next_under(rules, zone, next_after, begin)
    while at is not None and at < end:
        found.append(at)
        at = next_under(rules, zone, next_after, at)
    return found


@pytest.mark.parametrize("on_excluded", OnExcluded)
@pytest.mark.parametrize(
    ("zone", "begin"),
    [
        ("America/New_York", date(2027, 3, 10)),
        ("America/New_York", date(2027, 11, 4)),
        ("Europe/Berlin", date(2026, 10, 23)),
        ("Australia/Lord_Howe", date(2027, 4, 2)),
        ("America/Havana", date(2027, 3, 12)),
        ("Asia/Kolkata", date(2026, 12, 22)),
    ],
)
def test_every_instant_is_left_or_moved_also_through_clock_changes(
    zone: str, begin: date, on_excluded: OnExcluded
) -> None:
    draw = random.Random(f"{zone} {begin} {on_excluded}")
    first, last = begin_of_day(begin, zone), begin_of_day(begin + 7 * DAY, zone)
    texts = [
        "0 30 2 * * *",
        "0 */20 * * * *",
        "0 30 1 * * *",
        "0 0 0 * * MON",
        "0 15 1,2 * * *",
        "@every 7h",
        "0 0 12 15 3 *",
    ]
    for text in texts:
        days = CalendarDays(
            dates=tuple(begin + draw.randrange(-3, 10) * DAY for _ in range(4)),
            ranges=(DayRange(begin + 3 * DAY, begin + draw.randrange(3, 5) * DAY),),
            weekdays=(WeekdayWindow((draw.randrange(7),), begin, None),),
        )
        rules = excluding(days, on_excluded)
        assert quickly(rules, zone, text, first, last) == slowly(rules, zone, text, first, last), text


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (excluding(WEEKEND), ["25", "28"]),
        (excluding(WEEKEND, OnExcluded.NEXT_BUSINESS_DAY), ["25", "28"]),
        (excluding(CalendarDays(dates=(date(2026, 12, 25),))), ["24", "26"]),
        (CalendarRules(include=(version(CalendarDays(dates=(date(2026, 12, 28),))),)), ["28"]),
        (
            CalendarRules(include=(version(WEEKEND),), exclude=(version(BOXING_DAY, name="x"),)),
            ["27", "02"],
        ),
        (CalendarRules(include=(version(CalendarDays()),)), []),
    ],
)  # fmt: skip
def test_only_included_days_are_left_and_no_excluded_one(rules: CalendarRules, expected: list[str]) -> None:
    task = a_task("0 0 9 * * *", datetime(2026, 12, 1, tzinfo=UTC), calendars=rules)
    start = datetime(2026, 12, 23 if "24" in expected else 24, 10, tzinfo=UTC)
    assert [f"{each:%d}" for each in next_runs(task, start, 2)] == expected
    assert single_instants(task, start, start)[:2] == next_runs(task, start, 2)


def test_a_run_is_moved_in_the_zone_of_the_task_to_the_end_of_a_gap_and_beside_one_that_is_there() -> None:
    free = CalendarDays(dates=(date(2027, 3, 13),))
    rules = excluding(free, OnExcluded.NEXT_BUSINESS_DAY)
    task = a_task("0 30 2 * * SAT", CREATED, timezone="America/New_York", calendars=rules)
    assert next_run(task, datetime(2027, 3, 12, tzinfo=UTC)) == datetime(2027, 3, 14, 7, tzinfo=UTC)
    daily = a_task("0 0 9 * * *", CREATED, calendars=rules)
    assert [f"{each:%d %H}" for each in next_runs(daily, datetime(2027, 3, 12, 12, tzinfo=UTC), 2)] == [
        "14 09",
        "15 09",
    ]
    back = replace(rules, on_excluded=OnExcluded.PREVIOUS_BUSINESS_DAY)
    monthly = a_task("0 0 9 13 3 *", CREATED, calendars=back)
    assert next_run(monthly, datetime(2027, 3, 1, tzinfo=UTC)) == datetime(2027, 3, 12, 9, tzinfo=UTC)


def test_a_run_is_moved_by_a_month_at_most_and_a_search_ends() -> None:
    rules = excluding(
        CalendarDays(ranges=(DayRange(date(2020, 1, 1), date(2026, 12, 31)),)), OnExcluded.NEXT_BUSINESS_DAY
    )
    task = a_task("0 0 9 1 * *", CREATED, calendars=rules)
    assert next_run(task, datetime(2026, 11, 24, tzinfo=UTC)) == datetime(2027, 1, 1, 9, tzinfo=UTC)
    never = replace(rules, exclude=(version(CalendarDays(weekdays=(WeekdayWindow((0, 1, 2, 3, 4, 5, 6)),))),))
    for each in (never, replace(never, on_excluded=OnExcluded.SKIP)):
        assert next_run(a_task("* * * * * *", CREATED, calendars=each), NOON) is None


def followed(task: Task, days: CalendarDays, at: datetime) -> Task:
    return task.with_calendar(version(days, 2), "me", at, since=at)


def test_what_was_planned_is_judged_by_the_version_in_force_at_its_instant() -> None:
    task = a_task("0 0 * * * *", NOON - DAY, calendars=excluding(CalendarDays()))
    changed = followed(task, CalendarDays(dates=(NOON.date(),)), NOON)
    assert changed.version == 2
    before, after = (replace(ticket(NOON + hours * 60 * MINUTE), version="1") for hours in (-1, 1))
    assert skip_of(before, changed) is None
    skip = skip_of(after, changed)
    assert skip is not None
    assert skip.reason is SkipReason.CALENDAR
    assert followed(changed, CalendarDays(), NOON + MINUTE) is changed, "a version is taken over once"


async def test_excluded_instants_are_one_entry_a_day_and_keep_their_fate_when_the_calendar_changes() -> None:
    world = ledger_world.World()
    definition = replace(ledger_world.a_task("* * * * * *").definition, calendars=excluding(WEEKEND))
    saturday = datetime(2026, 11, 21, tzinfo=UTC)
    assert saturday < NOON
    world.clock.advance(saturday + DAY / 2 - world.clock.now())
    begin = world.clock.now()
    task = replace(ledger_world.a_task(at=begin), definition=definition)
    await world.put(task)
    await world.begins()
    await world.passes(5)
    [open_row] = await world.fates(begin=begin)
    assert (open_row.reason, open_row.at, open_row.until) == ("calendar", begin, world.clock.now() - SECOND)
    await world.passes(14 * 60)
    await world.settles()
    [row] = world.store.rows.values()
    assert (row.at, row.until, row.count) == (begin, saturday + DAY - SECOND, 0)
    assert row.text == "2026-11-21 is a day of free (version 1), which the task excludes"
    changed = followed(task, CalendarDays(), world.clock.now())
    await world.put(changed)
    await world.passes(10)
    await world.settles()
    rows = {each.at: each for each in world.store.rows.values() if each.reason == "calendar"}
    assert [*rows] == [begin, saturday + DAY]
    assert rows[saturday + DAY].until == changed.known_periods[-1].since - SECOND
    assert rows[begin] == row


async def test_a_day_that_is_left_has_no_entry_of_a_calendar() -> None:
    world = ledger_world.World()
    definition = replace(ledger_world.a_task().definition, calendars=excluding(WEEKEND, OnExcluded.NEXT_BUSINESS_DAY))
    assert NOON.weekday() < 5
    await world.put(replace(ledger_world.a_task(), definition=definition))
    await world.begins()
    await world.put(ran(0), ran(1))
    await world.passes(2)
    assert brief(await world.fates()) == [(0, 0, "ran", None, 1), (1, 1, "ran", None, 1)]


async def test_an_explanation_names_the_calendar_its_version_and_the_day() -> None:
    world = explained_world.World()
    at = explained_world.DUE
    rules = CalendarRules(exclude=(version(CalendarDays(dates=(at.date(),)), 7, "holidays"),))
    world.task = replace(world.task, definition=replace(world.task.definition, calendars=rules))
    for asked in (at, at + 2 * 60 * MINUTE):
        found = await world.explain(asked)
        assert found.cause is Cause.CALENDAR
        facts = {each.name: each.value for each in found.facts}
        assert (facts["calendar"], facts["calendar_version"], facts["day"]) == ("holidays", "7", f"{at:%Y-%m-%d}")


@pytest.mark.parametrize("on_excluded", OnExcluded)
@pytest.mark.parametrize("schedule", ["0 */30 * * * *", "*/10 * * * * *", "0 0 5 * * SUN"])
def test_a_forecast_has_the_instants_that_the_calendars_leave(schedule: str, on_excluded: OnExcluded) -> None:
    zone, begin = "Asia/Kolkata", datetime(2026, 11, 20, tzinfo=UTC)
    task = a_task(schedule, CREATED, timezone=zone, calendars=excluding(WEEKEND, on_excluded))
    span = Span(begin.replace(tzinfo=None), (begin + 4 * DAY).replace(tzinfo=None))
    patterns = due_in(span, parse(schedule, zone), planned_tasks.planned_of(task).workload)
    found = [
        hour.replace(tzinfo=UTC) + second * SECOND
        for hour, pattern in zip(span.hours, patterns, strict=True)
        for second in seconds_of(pattern)
    ]
    is_dense = schedule.startswith("*/10")
    rules = excluding(WEEKEND, OnExcluded.SKIP if is_dense else on_excluded)
    assert found == quickly(rules, zone, schedule, begin - SECOND, begin + 4 * DAY)


def icalendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nEND:VTIMEZONE\r\n{body}END:VCALENDAR\r\n"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261226\r\nSUMMARY:Christ\r\n mas: day", ["2026-12-25"]),
        ("DTSTART;VALUE=DATE:20261225", ["2026-12-25"]),
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227", ["2026-12-24 2026-12-26"]),
        ("DTSTART;VALUE=DATE:20261224\nDURATION:P1W", ["2026-12-24 2026-12-30"]),
        ("DTSTART;TZID=\"Europe/Berlin\":20261224T180000\nDTEND:20261225T020000Z", ["2026-12-24 2026-12-25"]),
        ("DTSTART:20261224T180000Z\nDTEND:20261225T000000Z\nBEGIN:VALARM\nDURATION:PT5M\nEND:VALARM", ["2026-12-24"]),
        ("DTSTART;VALUE=DATE:20261224\nSTATUS:CANCELLED", []),
        ("DTSTART;VALUE=DATE:20250501\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE;VALUE=DATE:20260501",
         ["2025-05-01", "2027-05-01"]),
        ("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;UNTIL=20330101", ["2024-02-29", "2028-02-29", "2032-02-29"]),
        ("DTSTART;VALUE=DATE:20251127\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;UNTIL=20271231T000000Z",
         ["2025-11-27", "2026-11-26", "2027-11-25"]),
        ("DTSTART;VALUE=DATE:20260525\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;COUNT=1", ["2026-05-25"]),
    ],
)  # fmt: skip
def test_days_are_read_from_an_icalendar_file(event: str, expected: list[str]) -> None:
    found = days_of_icalendar(icalendar(event), 2026)
    shown = [f"{each}" for each in found.dates] + [f"{each.first} {each.last}" for each in found.ranges]
    assert shown == expected


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", ""),
        ("holidays", "line 1: is not NAME:value"),
        ("SUMMARY:x", "line 1: BEGIN:VCALENDAR is expected"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT", "the text ends within VEVENT"),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR", "line 3: END:VCALENDAR does not end VEVENT"),
        (icalendar("SUMMARY:x"), "line 6: the event has no DTSTART"),
        (icalendar("DTSTART:20261301"), "line 7: '20261301' is not a date"),
        (icalendar("DTSTART:20260101\nRRULE:FREQ=WEEKLY;BYDAY=SA"), "line 8: of recurring events only FREQ=YEARLY"),
        (icalendar("DTSTART:20260101\nRDATE:20260102"), "line 8: RDATE is not supported"),
        (icalendar("DTSTART:20260101\nDTEND:20290101"), "line 8: the event is longer than 366 days"),
        (icalendar("DTSTART:20260101\nRRULE:FREQ=YEARLY;BYMONTH=13"), "line 8: BYMONTH must be 1 to 12"),
    ],
)
def test_what_an_icalendar_file_means_otherwise_is_refused_with_its_line(text: str, refusal: str) -> None:
    if not refusal:
        assert days_of_icalendar(text, 2026) == CalendarDays()
        return
    with pytest.raises(ICalendarError) as refused:
        days_of_icalendar(text, 2026)
    assert str(refused.value).startswith(refusal)
