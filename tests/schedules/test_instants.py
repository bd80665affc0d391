"""When a schedule fires: worked examples for each rule, then random ones against the slow oracle."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from zoneinfo import ZoneInfo

import pytest

from falcon_scheduler.core.domain.schedule import parse

from .expressions import random_expression, random_instant, random_zone
from .oracle import SlowCron

CASES = int(os.environ.get("SCHEDULE_CASES", "300"))


def fires(expression: str, zone: str, begin: str, end: str) -> list[str]:
    """The wall times, with the offset, at which a schedule fires from `begin` to `end` (both UTC)."""
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (begin, end))
    found = parse(expression, zone).upcoming(first - timedelta(microseconds=1), 200)
    walls = [each.astimezone(ZoneInfo(zone)) for each in found if each <= last]
    return [f"{wall:%d} {wall:%H:%M}{wall:%z}".removesuffix("00") for wall in walls]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * * *", "2026-05-04 10:00:00", ["2026-05-04 10:00:01", "2026-05-04 10:00:02"]),
        ("5/15 * * * * *", "2026-05-04 10:00:40", ["2026-05-04 10:00:50", "2026-05-04 10:01:05"]),
        ("0 50-59/5 * * * *", "2026-05-04 10:52:00", ["2026-05-04 10:55:00", "2026-05-04 11:50:00"]),
        ("0 0 3 * * SUN", "2026-05-04 10:00:00", ["2026-05-10 03:00:00", "2026-05-17 03:00:00"]),
        ("0 0 0 31 * *", "2026-03-31 00:00:00", ["2026-05-31 00:00:00", "2026-07-31 00:00:00"]),
        ("0 0 0 29 2 *", "2026-01-01 00:00:00", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
        ("0 0 0 13 * FRI", "2026-02-11 00:00:00", ["2026-02-13 00:00:00", "2026-02-20 00:00:00"]),
        ("0 0 0 */2 * MON", "2026-05-03 00:00:00", ["2026-05-04 00:00:00", "2026-05-05 00:00:00"]),
        ("0 0 0 */2 * *", "2026-05-30 00:00:00", ["2026-05-31 00:00:00", "2026-06-01 00:00:00"]),
        ("0 0 0 13 * */6", "2026-05-11 00:00:00", ["2026-05-13 00:00:00", "2026-05-16 00:00:00"]),
        ("0 0 0 * * 5-7", "2026-05-04 00:00:00", ["2026-05-08 00:00:00", "2026-05-09 00:00:00"]),
        ("0 0 22-2/2 * * *", "2026-05-04 01:00:00", ["2026-05-04 02:00:00", "2026-05-04 22:00:00"]),
        ("0 0 0 1-7 * *", "2026-05-06 00:00:00", ["2026-05-07 00:00:00", "2026-06-01 00:00:00"]),
        ("0 0 0 1-31 * MON", "2026-05-06 00:00:00", ["2026-05-07 00:00:00", "2026-05-08 00:00:00"]),
        ("59 59 23 31 12 *", "2026-12-31 23:59:58", ["2026-12-31 23:59:59", "2027-12-31 23:59:59"]),
        ("@every 90s", "2026-05-04 10:00:00.7", ["2026-05-04 10:01:30", "2026-05-04 10:03:00"]),
        ("@every 87600h", "2026-05-04 10:00:00", ["2036-05-01 10:00:00", "2046-04-29 10:00:00"]),
    ],
)
def test_a_schedule_fires_next_after_an_instant_and_never_at_it(
    expression: str, after: str, expected: list[str]
) -> None:
    upcoming = parse(expression).upcoming(datetime.fromisoformat(after).replace(tzinfo=UTC), 2)
    assert upcoming == [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in expected]


def test_a_part_of_a_second_is_rounded_up() -> None:
    instant = datetime(2026, 5, 4, 10, 0, 0, 1, tzinfo=UTC)
    assert parse("* * * * * *").next_after(instant) == datetime(2026, 5, 4, 10, 0, 1, tzinfo=UTC)


def test_the_instant_may_come_in_any_zone_and_the_answer_is_in_utc() -> None:
    instant = datetime(2026, 5, 4, 10, tzinfo=timezone(timedelta(hours=9)))
    following = parse("@hourly").next_after(instant)
    assert following == datetime(2026, 5, 4, 2, tzinfo=UTC)
    assert following is not None
    assert following.tzinfo is UTC


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        parse("@hourly").next_after(datetime(2026, 5, 4))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("expression", "after"),
    [
        ("0 0 0 29 2 *", datetime(2096, 3, 1, tzinfo=UTC)),  # 2100 is no leap year
        ("@every 2500000h", datetime(9800, 1, 1, tzinfo=UTC)),  # past the end of the calendar
        ("* * * * * *", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_schedule_that_fires_too_far_ahead_has_no_next_instant(expression: str, after: datetime) -> None:
    schedule = parse(expression)
    assert schedule.next_after(after) is None
    assert schedule.upcoming(after, 3) == []


def test_five_years_are_counted_to_the_second() -> None:
    leap_day = parse("0 0 0 29 2 *")
    assert leap_day.next_after(datetime(2099, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)
    assert leap_day.next_after(datetime(2099, 2, 28, 23, 59, 59, tzinfo=UTC)) is None


# Years gone by, since governments may still move the clock changes to come.
NEW_YORK = [
    # Spring, 2021-03-14: 02:00 EST (07:00 UTC) becomes 03:00 EDT.
    ("0 30 2 * * *", "2021-03-13 12:00", "2021-03-15 12:00", ["15 02:30-04"]),
    ("0 0 3 * * *", "2021-03-13 12:00", "2021-03-15 12:00", ["14 03:00-04", "15 03:00-04"]),
    ("0 0 1-3 * * *", "2021-03-14 05:00", "2021-03-14 12:00", ["14 01:00-05", "14 03:00-04"]),
    (
        "0 0 * * * *",
        "2021-03-14 05:00",
        "2021-03-14 08:00",
        ["14 00:00-05", "14 01:00-05", "14 03:00-04", "14 04:00-04"],
    ),
    (
        "0 */30 * * * *",
        "2021-03-14 06:00",
        "2021-03-14 07:30",
        ["14 01:00-05", "14 01:30-05", "14 03:00-04", "14 03:30-04"],
    ),
    ("0 0 */2 * * *", "2021-03-14 05:00", "2021-03-14 10:00", ["14 00:00-05", "14 04:00-04", "14 06:00-04"]),
    # Autumn, 2021-11-07: 02:00 EDT (06:00 UTC) becomes 01:00 EST.
    ("0 30 1 * * *", "2021-11-06 12:00", "2021-11-08 12:00", ["07 01:30-04", "08 01:30-05"]),
    ("0 0 1,2 * * *", "2021-11-07 04:00", "2021-11-07 12:00", ["07 01:00-04", "07 02:00-05"]),
    ("0 0,30 1 * * *", "2021-11-07 04:00", "2021-11-07 12:00", ["07 01:00-04", "07 01:30-04"]),
    (
        "0 */30 1 * * *",
        "2021-11-07 04:00",
        "2021-11-07 12:00",
        ["07 01:00-04", "07 01:30-04", "07 01:00-05", "07 01:30-05"],
    ),
    (
        "0 */30 0-2 * * *",
        "2021-11-07 05:00",
        "2021-11-07 07:00",
        ["07 01:00-04", "07 01:30-04", "07 01:00-05", "07 01:30-05", "07 02:00-05"],
    ),
    (
        "*/30 15 1 * * *",
        "2021-11-07 04:00",
        "2021-11-07 12:00",
        ["07 01:15-04", "07 01:15-04", "07 01:15-05", "07 01:15-05"],
    ),
    ("0 0 0-23 * * *", "2021-11-07 05:00", "2021-11-07 06:00", ["07 01:00-04", "07 01:00-05"]),
    ("0,30 15 0-2 * * *", "2021-11-07 05:00", "2021-11-07 06:30", ["07 01:15-04", "07 01:15-04"]),
    (
        "0 0 * * * *",
        "2021-11-07 04:00",
        "2021-11-07 07:00",
        ["07 00:00-04", "07 01:00-04", "07 01:00-05", "07 02:00-05"],
    ),
    (
        "0 */30 * * * *",
        "2021-11-07 05:00",
        "2021-11-07 06:30",
        ["07 01:00-04", "07 01:30-04", "07 01:00-05", "07 01:30-05"],
    ),
    ("0 15 1/2 * * *", "2021-11-07 04:00", "2021-11-07 08:30", ["07 01:15-04", "07 01:15-05", "07 03:15-05"]),
]


@pytest.mark.parametrize(("expression", "begin", "end", "expected"), NEW_YORK)
def test_a_time_that_does_not_exist_is_skipped_and_one_that_comes_twice_counts_once_unless_a_field_recurs(
    expression: str, begin: str, end: str, expected: list[str]
) -> None:
    assert fires(expression, "America/New_York", begin, end) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "begin", "end", "expected"),
    [
        # Lord Howe moves by half an hour: 02:00+11 becomes 01:30+10:30, and 02:00+10:30 becomes 02:30+11.
        ("0 45 1 * * *", "Australia/Lord_Howe", "2021-04-03 12:00", "2021-04-04 12:00", ["04 01:45+11"]),
        (
            "0 45 * * * *",
            "Australia/Lord_Howe",
            "2021-04-03 14:00",
            "2021-04-03 16:00",
            ["04 01:45+11", "04 01:45+1030"],
        ),
        ("0 15 2 * * *", "Australia/Lord_Howe", "2021-10-02 12:00", "2021-10-03 20:00", ["04 02:15+11"]),
        ("0 45 2 * * *", "Australia/Lord_Howe", "2021-10-02 12:00", "2021-10-03 12:00", ["03 02:45+11"]),
        # Samoa left out 30 December 2011.
        ("0 0 12 * * *", "Pacific/Apia", "2011-12-29 12:00", "2011-12-31 12:00", ["29 12:00-10", "31 12:00+14"]),
        # In Havana midnight comes twice in autumn and is left out in spring.
        (
            "@daily",
            "America/Havana",
            "2021-11-06 00:00",
            "2021-11-08 12:00",
            ["06 00:00-04", "07 00:00-04", "08 00:00-05"],
        ),
        ("@daily", "America/Havana", "2021-03-13 00:00", "2021-03-15 12:00", ["13 00:00-05", "15 00:00-04"]),
        ("@hourly", "Asia/Kathmandu", "2021-01-01 00:00", "2021-01-01 01:30", ["01 06:00+0545", "01 07:00+0545"]),
    ],
)
def test_unusual_zones_follow_the_same_rule(
    expression: str, zone: str, begin: str, end: str, expected: list[str]
) -> None:
    assert fires(expression, zone, begin, end) == expected


def test_random_schedules_fire_when_the_slow_oracle_says() -> None:
    _compare_with_the_oracle(range(150))


@pytest.mark.slow
def test_many_random_schedules_fire_when_the_slow_oracle_says() -> None:
    _compare_with_the_oracle(range(150, 150 + CASES))


def _compare_with_the_oracle(seeds: range) -> None:
    """Up to 200 dates ahead of a random instant, in a random zone."""
    compared = 0
    for seed in seeds:
        random = Random(seed)
        expression, zone, after = random_expression(random, wide=0.2), random_zone(random), random_instant(random)
        until = after + timedelta(days=random.choice([2, 40, 400]))
        ours = [each for each in parse(expression, zone).upcoming(after, 200) if each <= until]
        assert ours == SlowCron(expression, zone).after(after, 200, until), (seed, expression, zone, after)
        compared += len(ours)
    assert compared > 20 * len(seeds)
