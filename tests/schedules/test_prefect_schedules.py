"""Prefect is handed schedules whose dates are ours. The dates come from Prefect's own server code."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from falcon_scheduler.adapters.prefect.schedule_reading import from_prefect
from falcon_scheduler.adapters.prefect.schedules import to_prefect
from falcon_scheduler.core.domain.schedule import Schedule, parse

from .expressions import random_expression, random_instant, random_zone
from .prefect_dates import dates_of, prefect_dates

CASES = int(os.environ.get("SCHEDULE_CASES", "150"))
NOW = datetime(2020, 11, 23, 12, tzinfo=UTC)
PLANNED_AHEAD = timedelta(days=100)  # Prefect's own limit


def ours(schedule: Schedule, start: datetime, count: int, end: datetime) -> list[datetime]:
    """Our instants from `start`, which counts, to `end`."""
    found = schedule.upcoming(start - timedelta(microseconds=1), count)
    return [each for each in found if each <= end]


def crons(expression: str, zone: str = "UTC") -> list[tuple[str, str | None]]:
    """The cron texts handed over, each with its zone."""
    told = to_prefect(parse(expression, zone), now=NOW)
    return [(named.schedule.cron, named.schedule.timezone) for named in told]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("expression", "cron"),
    [
        ("0 */5 * * * *", "*/5 * * * *"),
        ("0 0 3 * * SUN", "0 3 * * 0"),
        ("0 0 9-17 * * mon-fri", "0 9-17 * * 1-5"),
        ("0 5/15 * * * *", "5,20,35,50 * * * *"),
        ("0 59/2 * * * *", "59 * * * *"),
        ("0 0 0 31/2 * *", "0 0 31 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@daily", "0 0 * * *"),
        ("30 0 3 * * *", "0 3 * * * 30"),
        ("*/7 * * * * *", "* * * * * */7"),
    ],
)
def test_a_schedule_in_utc_is_one_cron_that_prefects_ui_can_read_aloud(expression: str, cron: str) -> None:
    assert crons(expression) == [(cron, "UTC")]


def test_even_seconds_are_an_interval() -> None:
    for expression, seconds in (("* * * * * *", 1), ("*/10 * * * * *", 10), ("0,30 * * * * *", 30)):
        [named] = to_prefect(parse(expression, "America/New_York"), now=NOW)
        assert named.schedule.interval == timedelta(seconds=seconds)  # type: ignore[union-attr]


def test_every_counts_from_when_the_schedule_took_effect() -> None:
    since = datetime(2020, 11, 23, 11, 58, 30, 400_000, tzinfo=UTC)
    told = to_prefect(parse("@every 7m", "Europe/Berlin"), now=NOW, since=since)
    start = since.replace(microsecond=0) + timedelta(minutes=7)
    assert dates_of(told, NOW, 3, NOW + timedelta(days=1)) == [start + timedelta(minutes=7 * n) for n in range(3)]


def test_every_keeps_its_dates_through_a_clock_change() -> None:
    since = datetime(2021, 3, 13, 12, tzinfo=UTC)
    told = to_prefect(parse("@every 24h", "America/New_York"), now=since, since=since)
    assert dates_of(told, since, 4, since + timedelta(days=9)) == [since + timedelta(days=n) for n in range(4)]


def test_a_schedule_that_no_clock_change_touches_is_one_cron_in_local_time() -> None:
    assert crons("0 0 9 * * 1-5", "America/New_York") == [("0 9 * * 1-5", "America/New_York")]
    assert crons("0 30 2 * * 1-5", "America/New_York") == [("30 2 * * 1-5", "America/New_York")]
    assert crons("0 0 9 * * *", "Asia/Tokyo") == [("0 9 * * *", "Asia/Tokyo")]


def test_every_hour_of_every_day_is_one_cron_in_utc() -> None:
    assert crons("0 */15 * * * *", "Europe/Berlin") == [("*/15 * * * *", "UTC")]
    assert crons("0 0 * * * *", "America/St_Johns") == [("30 * * * *", "UTC")]
    half_an_hour = to_prefect(parse("0 0 * * * *", "Australia/Lord_Howe"), now=datetime(2021, 2, 1, tzinfo=UTC))
    assert len(half_an_hour) > 1


def test_a_date_that_loses_or_repeats_an_hour_is_taken_out_and_sent_in_utc() -> None:
    told = to_prefect(parse("0 30 1,2 * * *", "America/New_York"), now=datetime(2021, 2, 1, tzinfo=UTC))
    assert [(named.slug, named.schedule.cron, named.schedule.timezone) for named in told] == [  # type: ignore[union-attr]
        ("cron", "30 1,2 * 1,2,4-10,12 *", "America/New_York"),
        ("cron-2", "30 1,2 1-13,15-31 3 *", "America/New_York"),
        ("cron-3", "30 1,2 1-6,8-30 11 *", "America/New_York"),
        ("cron-4", "30 6 14 3 *", "UTC"),
        ("cron-5", "30 5,7 7 11 *", "UTC"),
    ]


def test_a_step_that_clocks_going_back_repeat_is_sent_in_utc_for_that_date() -> None:
    """It keeps its rhythm, which croniter does not know."""
    schedule = parse("0 */30 0-2 * * *", "America/New_York")
    start, end = datetime(2021, 11, 7, 4, tzinfo=UTC), datetime(2021, 11, 7, 12, tzinfo=UTC)
    dates = prefect_dates(schedule, start, 20, end)
    assert dates == [start + timedelta(minutes=30 * n) for n in range(8)]


def test_a_step_of_the_days_beside_weekdays_means_either() -> None:
    [named] = to_prefect(parse("0 0 0 */2 * MON"), now=NOW)
    assert (named.schedule.cron, named.schedule.day_or) == ("0 0 */2 * 1", True)  # type: ignore[union-attr]


@pytest.mark.parametrize("hours", [43_800, 87_600, 2_500_000])
def test_a_length_of_many_years_has_its_date_in_prefect_too(hours: int) -> None:
    schedule = parse(f"@every {hours}h")
    told = to_prefect(schedule, now=NOW, since=NOW)
    following = schedule.next_after(NOW)
    assert following == NOW + timedelta(hours=hours)
    assert dates_of(told, following - PLANNED_AHEAD, 3, following) == [following]
    assert dates_of(told, NOW + timedelta(seconds=1), 3, NOW + PLANNED_AHEAD) == []


@pytest.mark.parametrize(
    ("cron", "day_or", "ours"),
    [
        ("0 9 * * 7", True, "0 0 9 * * 7"),
        ("0 22-2 * * fri-mon", True, "0 0 22-2 * * fri-mon"),
        ("0 9 */2 * 1", True, "0 0 9 */2 * 1"),
        ("0 9 */2 * 1", False, None),  # both day fields are to fit, which six fields can't say
        ("0 9 L * *", True, "0 0 9 L * *"),
        ("0 9 * * 5#2", True, "0 0 9 * * 5#2"),
    ],
)
def test_a_cron_set_in_prefect_is_taken_over_if_a_text_of_ours_means_the_same(
    cron: str, day_or: bool, ours: str | None
) -> None:
    entry = {"schedule": {"cron": cron, "timezone": "Europe/Berlin", "day_or": day_or}}
    assert from_prefect([entry]) == (None if ours is None else (ours, "Europe/Berlin"))


def test_a_day_that_no_month_has_is_not_handed_over() -> None:
    """croniter would search fifty years for it, fail, and stop the planning of the whole deployment."""
    assert crons("0 0 0 30 2 MON") == [("0 0 * 2 1", "UTC")]


def test_no_first_of_march_is_lost() -> None:
    """From February croniter leaps over the first days of March if the 30th or 31st fits and the 29th does not."""
    assert crons("0 0 0 */15 * *") == [("0 0 */15 1,3-12 *", "UTC"), ("0 0 1,16 2 *", "UTC")]
    start, end = datetime(2026, 2, 16, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    dates = prefect_dates(parse("0 0 0 */15 * *"), start, 9, end)
    assert [f"{date:%m-%d}" for date in dates] == ["03-01", "03-16", "03-31", "04-01"]


def test_random_schedules_have_our_dates_in_prefect() -> None:
    _compare_with_prefect(range(60))


@pytest.mark.slow
def test_many_random_schedules_have_our_dates_in_prefect() -> None:
    _compare_with_prefect(range(60, 60 + CASES))


def _compare_with_prefect(seeds: range) -> None:
    """Up to 200 dates ahead; Prefect checks at most a thousand, as its planner never asks for more than a hundred."""
    compared = 0
    for seed in seeds:
        random = Random(f"prefect {seed}")
        schedule = parse(random_expression(random, wide=0.2), random_zone(random))
        start = random_instant(random, 2026, 2035)
        end = start + timedelta(days=random.choice([3, 100, 280]))
        expected = ours(schedule, start, 200, end)
        assert prefect_dates(schedule, start, 200, end) == expected, (seed, str(schedule), start)
        compared += len(expected)
    assert compared > 20 * len(seeds)


@pytest.mark.slow
def test_what_prefect_got_stays_right_for_half_a_year() -> None:
    for seed in range(CASES):
        random = Random(f"renew {seed}")
        hours = random.choice(["*", "*/2", "1", "2", "0-3", "1,2"])
        schedule = parse(
            f"0 {random.choice(['0', '*/20'])} {hours} * * {random.choice(['*', '0'])}", random_zone(random)
        )
        told_at = random_instant(random, 2026, 2033)
        told = to_prefect(schedule, now=told_at)
        asked_at = told_at + timedelta(days=180) * random.random()
        first = asked_at + PLANNED_AHEAD * random.random()
        end = first + timedelta(days=3)
        assert dates_of(told, first, 100, end) == ours(schedule, first, 100, end), (
            seed,
            str(schedule),
            told_at,
            first,
        )


def test_a_schedule_whose_form_never_changes_is_sent_once() -> None:
    for expression, zone in (
        ("@every 5m", "UTC"),
        ("@daily", "UTC"),
        ("0 */5 * * * *", "Europe/Berlin"),
        ("@daily", "Asia/Tokyo"),
    ):
        schedule = parse(expression, zone)
        assert to_prefect(schedule, now=NOW) == to_prefect(schedule, now=NOW + timedelta(days=1000))


def test_the_schedule_at_work_keeps_its_slug_when_others_come_and_go() -> None:
    """A run planned under one slug would otherwise be planned again under another."""
    schedule = parse("0 30 1,2 * * *", "America/New_York")
    changes = 0
    for day in range(800):
        now, later = (NOW + timedelta(days=each) for each in (day, day + 1))
        if to_prefect(schedule, now=now) == to_prefect(schedule, now=later):
            continue
        changes += 1
        before, after = (
            {
                named.slug: dates_of([named], now, 9, now + timedelta(days=2))
                for named in to_prefect(schedule, now=each)
            }
            for each in (now, later)
        )
        assert {slug: each for slug, each in before.items() if each} == {
            slug: each for slug, each in after.items() if each
        }
    assert changes > 5
