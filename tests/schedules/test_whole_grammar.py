"""The whole grammar against the slow oracle, and its dates in Prefect against our instants."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from falcon_scheduler.adapters.prefect.schedules import to_prefect
from falcon_scheduler.core.domain.schedule import parse

from .expressions import ZONES, random_instant, random_zone
from .oracle import MONTHS, SlowCron, SlowSchedule, moved
from .prefect_dates import all_dates, dates_of
from .sweep import Change, clock_changes, distinct_zones, text_differs, text_prefect_differs
from .texts import forms_at, random_text

CASES = int(os.environ.get("SCHEDULE_CASES", "60"))
TASK_ID = "7f6c2f4e-0a57-4a0b-9d53-2f8f5a0f4b11"


def test_random_texts_fire_when_the_slow_oracle_says() -> None:
    _compare_with_the_oracle(range(25))


@pytest.mark.slow
def test_many_random_texts_fire_when_the_slow_oracle_says() -> None:
    _compare_with_the_oracle(range(25, 25 + CASES))


def _compare_with_the_oracle(seeds: range) -> None:
    """Every second of four hours, in a random zone."""
    compared = 0
    for seed in seeds:
        random = Random(f"text {seed}")
        zone, after = random_zone(random), random_instant(random)
        text, created_at = random_text(random, after, zone), after - timedelta(days=random.random() * 9)
        until = after + timedelta(hours=4)
        schedule = parse(text, zone, task_id=TASK_ID)
        ours = [each for each in schedule.upcoming(after, 9000, created_at) if each <= until]
        oracle = SlowSchedule(text, zone, task_id=TASK_ID, created_at=created_at)
        assert ours == oracle.after(after, until)[:9000], (seed, text, zone, after)
        compared += len(ours)
    assert compared > 5 * len(seeds)


def test_days_that_differ_by_month_are_those_that_a_walk_through_the_calendar_finds() -> None:
    random = Random("days of months")
    for _ in range(12):
        items = random.choice([["L", "L-3"], ["LW", "15W"], ["1W", "31W", "30W"], ["L-30", "28W"], ["29W", "13"]])
        weekdays = random.choice(["*", "*", "5L,0#5", "MON#1", "1-5,SATL", "3#4,7L"])
        text = f"0 0 12 {','.join(items)} * {weekdays}"
        oracle, days = SlowCron(text), []
        for ordinal in range(date(2023, 1, 1).toordinal(), date(2026, 1, 1).toordinal()):
            noon = datetime.combine(date.fromordinal(ordinal), datetime.min.time(), UTC).replace(hour=12)
            days += [noon] if oracle.fires_at(noon) else []
        assert parse(text).upcoming(datetime(2022, 12, 31, 23, tzinfo=UTC), len(days)) == days, text


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("L", "jan 31, feb 28, mar 31"),
        ("L-3", "jan 28, feb 25, mar 28"),
        ("LW", "jan 29, feb 26, mar 31"),  # 31 January 2027 is a Sunday, 28 February too
        ("1W", "jan 1, feb 1, mar 1"),
        ("2W", "jan 1, feb 2, mar 2"),  # 2 January is a Saturday
        ("31W", "jan 29, mar 31"),  # February has no 31st
        ("30W", "jan 29, mar 30"),
        ("5L", "jan 29, feb 26, mar 26"),
        ("5#5", "jan 29"),
        ("1#2", "jan 11, feb 8, mar 8"),
    ],
)
def test_worked_examples_of_days_that_differ_by_month(item: str, expected: str) -> None:
    fields = f"* 1-3 {item}" if (item[-1] == "L" and item != "L") or "#" in item else f"{item} 1-3 *"
    found = parse(f"0 0 0 {fields}").upcoming(datetime(2026, 12, 31, tzinfo=UTC), 3)
    ours = [f"{MONTHS[each.month - 1]} {each.day}" for each in found if each.year == 2027]
    assert ", ".join(ours) == expected
    months = [moved(item.lower(), date(2027, month, 1)) for month in (1, 2, 3)]
    assert ours == [f"{MONTHS[each.month - 1]} {each.day}" for each in months if each]


def test_the_weekday_nearest_to_the_first_or_last_of_a_month_stays_in_it() -> None:
    on = {
        each.date().isoformat() for each in parse("0 0 0 1W,30W * *").upcoming(datetime(2025, 12, 31, tzinfo=UTC), 24)
    }
    assert {"2026-08-03", "2026-11-02", "2026-05-29", "2026-08-31"} <= on
    assert "2026-05-30" not in on


def test_random_texts_have_our_dates_in_prefect() -> None:
    _compare_with_prefect(range(40))


@pytest.mark.slow
def test_many_random_texts_have_our_dates_in_prefect() -> None:
    _compare_with_prefect(range(40, 40 + CASES))


def _compare_with_prefect(seeds: range) -> None:
    """Each date once, unless clauses of different kinds or zones name the same instant."""
    compared = 0
    for seed in seeds:
        random = Random(f"prefect text {seed}")
        zone, start = random_zone(random), random_instant(random, 2026, 2035)
        text = random_text(random, start, zone)
        schedule, end = parse(text, zone, task_id=TASK_ID), start + timedelta(days=random.choice([3, 100, 280]))
        expected = [each for each in schedule.upcoming(start - timedelta(microseconds=1), 150, start) if each <= end]
        theirs = all_dates(schedule, start, 400, end)
        once = sorted(set(theirs))[: len(expected)] if len(expected) == 150 else sorted(set(theirs))
        assert once == expected, (seed, text, zone, start)
        if len(schedule.clauses) == 1:
            assert len(theirs) == len(set(theirs)), (seed, text)
        compared += len(expected)
    assert compared > 5 * len(seeds)


def test_schedules_of_one_zone_that_share_instants_are_handed_over_so_that_each_has_one_run() -> None:
    for text in ("@daily; @hourly", "0 0 9 * * *; 0 0 9 * * MON; 0 0 9 1 * *", "0 */5 * * * *; 0 */3 9-17 L * 1-5"):
        for zone in ("UTC", "America/New_York"):
            schedule, start = parse(text, zone), datetime(2027, 3, 12, tzinfo=UTC)
            end = start + timedelta(days=20)
            dates = dates_of(to_prefect(schedule, now=start), start, 900, end)
            assert (
                dates == [each for each in schedule.upcoming(start - timedelta(seconds=1), 900) if each <= end][:900]
            )


def test_a_sample_of_all_clock_changes_of_all_zones() -> None:
    random = Random("clock changes and texts")
    changes = [Change(zone, at) for zone, each in distinct_zones() for at in each if at.year >= 2005]
    for change in random.sample(changes, 12):
        text = random_text(random, change.at, change.zone)
        assert text_differs(change, text) is None
        assert text_prefect_differs(change, text) is None


# Zones that dateutil misreads beside a change: winter time is stored as a negative summer time, or one summer time
# followed another.
MISREAD = ("Europe/Dublin", "Africa/Casablanca", "Africa/Windhoek", "America/Argentina/San_Luis")


def test_every_so_many_days_prefect_keeps_the_time_of_the_day_where_dateutil_misreads_the_zone() -> None:
    for zone in MISREAD:
        near = [each for each in clock_changes(ZoneInfo(zone)) if each.year in {2007, 2008, 2026, 2027}]
        assert near
        for change in (Change(zone, each) for each in near):
            texts = [text for text in forms_at(change.at, zone) if re.match(r"@every \d[dw]", text)]
            assert len(texts) == 4
            assert [fault for text in texts if (fault := text_prefect_differs(change, text))] == []
    dublin = parse("@every 2w from 2026-10-11T02:29", "Europe/Dublin")
    start = datetime(2026, 10, 12, tzinfo=UTC)
    assert dates_of(to_prefect(dublin, now=start), start, 2, start + timedelta(days=60)) == [
        datetime(2026, 10, 25, 2, 29, tzinfo=UTC),
        datetime(2026, 11, 8, 2, 29, tzinfo=UTC),
    ]


def test_the_texts_of_the_sweep_hold_every_form_and_can_be_read() -> None:
    texts = forms_at(datetime(2027, 11, 7, 6, tzinfo=UTC), "America/New_York")
    assert [str(parse(text, "America/New_York", task_id=TASK_ID)) for text in texts]
    whole = " ".join(texts)
    assert [
        part
        for part in ("L-", " LW ", "W ", "0L", "#1", "H(", ";", "90m from", "2w from", "@at")
        if part not in whole
    ] == []


NEW_YORK = [
    # Spring, 2027-03-14: 02:00 EST becomes 03:00 EDT. Autumn, 2027-11-07: 02:00 EDT becomes 01:00 EST.
    ("@every 90m from 00:00", "2027-03-14T05:00", ["00:00-05", "01:30-05", "03:00-04", "04:30-04", "06:00-04"]),
    ("@every 90m from 00:00", "2027-11-07T04:00", ["00:00-04", "01:30-04", "01:30-05", "03:00-05", "04:30-05"]),
    ("@every 24h from 02:30", "2027-03-13T06:00", ["02:30-05", "02:30-04"]),
    ("@every 24h from 01:30", "2027-11-07T04:00", ["01:30-04", "01:30-05"]),
    ("@every 1w from 2027-03-07T02:30", "2027-03-01T00:00", ["02:30-05", "02:30-04"]),
    ("@every 1d from 2027-11-06T01:30", "2027-11-01T00:00", ["01:30-04", "01:30-04", "01:30-05"]),
    ("@every 90m from 2027-03-14T00:00", "2027-03-14T05:00", ["00:00-05", "01:30-05", "04:00-04"]),
    ("0 30 2 L 2 *; 0 30 2 * 3 SUN#2; 0 0 3 * 3 SUN#2", "2027-02-28T00:00", ["02:30-05", "03:00-04"]),
]


@pytest.mark.parametrize(("text", "begin", "expected"), NEW_YORK)
def test_clock_changes_in_new_york(text: str, begin: str, expected: list[str]) -> None:
    first = datetime.fromisoformat(begin).replace(tzinfo=UTC) - timedelta(seconds=1)
    found = parse(text, "America/New_York").upcoming(first, len(expected))
    walls = [each.astimezone(ZoneInfo("America/New_York")) for each in found]
    assert [f"{wall:%H:%M}{wall:%z}".removesuffix("00") for wall in walls] == expected


def test_a_first_run_is_the_first() -> None:
    before = datetime(2026, 1, 1, tzinfo=UTC)
    for text in ("@every 2w from 2026-01-05T09:00", "@every 90m from 2026-01-05T09:00"):
        assert parse(text).upcoming(before, 1) == [datetime(2026, 1, 5, 9, tzinfo=UTC)]


def test_a_single_instant_is_due_once_and_never_again() -> None:
    schedule = parse("@at 2026-12-24T18:00:00+01:00; @at 2026-12-25T00:00:00Z")
    instants = (datetime(2026, 12, 24, 17, tzinfo=UTC), datetime(2026, 12, 25, tzinfo=UTC))
    assert schedule.instants == [*instants]
    assert schedule.upcoming(datetime(2026, 1, 1, tzinfo=UTC), 9) == [*instants]
    assert schedule.next_after(instants[-1]) is None
    assert schedule.past_instants(instants[0]) == [instants[0]]
    assert parse("@at 2026-12-24T18:00:00+01:00; @daily").instants is None


def test_every_zone_can_name_an_instant_on_its_clock() -> None:
    for zone in ZONES:
        [instant] = parse("@at 2026-07-01T12:00", zone).single_instants
        assert f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}" == "2026-07-01T12:00", zone
