"""Forecasts of load: instants against the schedules themselves, the queue against examples worked by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from falcon_scheduler.core.domain.forecast.days import due_in
from falcon_scheduler.core.domain.forecast.forecasting import forecast
from falcon_scheduler.core.domain.forecast.load import RUN_COST, Load, Workload
from falcon_scheduler.core.domain.forecast.patterns import Span, minutes_of, seconds_of
from falcon_scheduler.core.domain.forecast.proposal import simulate, spread
from falcon_scheduler.core.domain.schedule import parse
from falcon_scheduler.core.services.tasks.fire_times import begin_of, due_between
from falcon_scheduler.core.services.tasks.planned_tasks import planned_of
from tests.core.test_time_rules import a_task
from tests.schedules.texts import random_text

BEGIN = datetime(2027, 1, 4, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Dublin")


def workload(number: int, schedule: str, holds: float = 1, **fields: object) -> Workload:
    """A task whose runs keep a slot for so many seconds."""
    task = Workload(
        id=f"t{number}",
        name=f"task {number}",
        schedule=schedule,
        timezone="UTC",
        counted_from=BEGIN,
        rank=3,
        duration=timedelta(seconds=holds) - RUN_COST,
        is_http=False,
        overlap="skip",
    )
    return replace(task, **fields)  # type: ignore[arg-type]


def load(*tasks: Workload, hours: int = 1, slots: int = 1, **fields: int) -> Load:
    return Load(tasks=tasks, begin=BEGIN, end=BEGIN + hours * HOUR, slots=slots, **fields)


LIMITS: dict[str, dict[str, Any]] = {
    "start": {"start_at": BEGIN + 90.5 * HOUR / 60},
    "end": {"end_at": BEGIN + 3 * HOUR + 600 * SECOND},
    "one instant": {"start_at": BEGIN + 2 * HOUR, "end_at": BEGIN + 2 * HOUR},
    "runs": {"max_runs": 5},
    "jitter": {"jitter": 50 * SECOND},
    "long jitter": {"jitter": HOUR},
    "all": {"start_at": BEGIN + HOUR, "end_at": BEGIN + 9 * HOUR, "max_runs": 7, "jitter": 600 * SECOND},
}


@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("schedule", ["0 */7 * * * *", "*/40 * * * * *", "30 15 */3 * * *"])
def test_a_forecast_has_the_begins_of_the_runs_that_start_end_limit_and_jitter_leave(
    limits: dict[str, Any], schedule: str
) -> None:
    task = a_task(schedule, BEGIN - 24 * HOUR, **limits)
    hours = 12
    span = Span(BEGIN.replace(tzinfo=None), (BEGIN + hours * HOUR).replace(tzinfo=None))
    patterns = due_in(span, parse(schedule), planned_of(task).workload)
    found = [
        hour.replace(tzinfo=UTC) + second * SECOND
        for hour, pattern in zip(span.hours, patterns, strict=True)
        for second in seconds_of(pattern)
    ]
    named = due_between(task, BEGIN, BEGIN + (hours + 2) * HOUR, 10_000)[: limits.get("max_runs")]
    begins = [begin_of(task, each).replace(microsecond=0) for each in named]
    compared = BEGIN + (hours - 1) * HOUR  # what moves a run of the last hour lies beyond it
    assert [each for each in found if each < compared] == [each for each in begins if each < compared]
    assert all(each < BEGIN + hours * HOUR for each in found)


def test_many_runs_are_spread_without_one_being_lost() -> None:
    task = a_task("*/10 * * * * *", BEGIN, jitter=9 * SECOND)
    span = Span(BEGIN.replace(tzinfo=None), (BEGIN + 48 * HOUR).replace(tzinfo=None))
    patterns = due_in(span, parse("*/10 * * * * *"), planned_of(task).workload)
    assert {each.bit_count() for each in patterns} == {360}
    offsets = {second % 10 for pattern in patterns for second in seconds_of(pattern)}
    assert offsets == {*range(9)}


def test_the_instants_of_any_schedule_in_any_hours_are_those_that_it_names() -> None:
    random = Random("patterns")
    for _ in range(60):
        zone, month = random.choice(ZONES), random.choice([3, 4, 10, 11])
        begin = datetime(2027, month, random.randint(1, 28), random.randint(0, 23), random.randint(0, 59), 7)  # noqa: DTZ001 - naive UTC
        end = begin + timedelta(hours=random.choice([3, 200]), minutes=random.randint(0, 59))
        text = random_text(random, begin.replace(tzinfo=UTC), zone)
        schedule, made = parse(text, zone, task_id="x"), begin.replace(tzinfo=UTC) - timedelta(days=3)
        span = Span(begin, end)
        patterns = span.patterns_of(schedule, made)
        found = [
            hour + SECOND * each
            for hour, pattern in zip(span.hours, patterns, strict=True)
            for each in seconds_of(pattern)
        ]
        named = []
        due = schedule.next_after(begin.replace(tzinfo=UTC) - timedelta(microseconds=1), made)
        while due is not None and due.replace(tzinfo=None) < end:
            named.append(due.replace(tzinfo=None))
            due = schedule.next_after(due, made)
        assert found == named, (text, zone, begin, end)
        assert sum(sum(minutes_of(pattern)) for pattern in patterns) == len(named)


def test_runs_wait_for_a_slot_by_priority_and_then_by_their_time() -> None:
    tasks = [workload(number, "0 0 * * * *", 10) for number in range(3)]
    urgent = workload(9, "0 0 * * * *", 10, rank=1)
    found = forecast(load(*tasks, urgent))
    assert (found.summary.runs, found.summary.busiest_second, found.summary.queue) == (4, 4, 3)
    assert [(each.rank, each.late_most) for each in found.by_rank] == [(1, timedelta()), (3, 30 * SECOND)]
    assert found.summary.late == 15 * SECOND
    assert forecast(load(*tasks, urgent, slots=4)).summary.late_most == timedelta()


def test_waiting_runs_are_carried_into_the_next_hour_and_equal_hours_are_worked_out_once() -> None:
    late = workload(1, "0 59 * * * *", 90)
    following = workload(2, "0 0 * * * *", 1)
    found = forecast(load(late, following, hours=48))
    assert found.summary.late_most == 30 * SECOND
    assert [each.late_most for each in found.by_rank] == [30 * SECOND]
    once = forecast(replace(load(late, following, hours=48), most_runs=6))
    assert once.worked_out_until == found.worked_out_until, "48 hours cost no more than three"


@pytest.mark.parametrize(
    ("overlap", "skipped", "late_most"), [("skip", 30, 0), ("queue", 0, 900), ("cancel_running", 0, 0)]
)
def test_a_task_that_is_due_while_it_is_at_work_does_what_its_overlap_says(
    overlap: str, skipped: int, late_most: int
) -> None:
    slow = workload(1, "0 * * * * *", 90, overlap=overlap)
    found = forecast(load(slow, slots=5))
    assert found.summary.skipped == skipped
    assert found.summary.late_most >= late_most * SECOND
    assert bool(found.summary.late_most) is bool(late_most)
    assert [(each.id, each.times >= 30) for each in found.overlaps] == [("t1", True)]
    assert forecast(load(workload(1, "0 * * * * *", 30))).overlaps == []


def test_http_runs_have_slots_of_their_own_where_there_are_any() -> None:
    tasks = [workload(number, "0 0 * * * *", 60, is_http=True) for number in range(10)]
    other = workload(10, "0 0 * * * *", 60)
    assert forecast(load(*tasks, other)).summary.late_most == 600 * SECOND
    apart = forecast(load(*tasks, other, http_slots=100))
    assert (apart.summary.late_most, apart.summary.runs) == (timedelta(), 11)


@pytest.mark.parametrize("is_http", [False, True])
def test_free_slots_for_http_runs_do_not_hide_that_the_others_fall_behind(is_http: bool) -> None:
    tasks = [workload(number, "0 * * * * *", 30, is_http=is_http) for number in range(4)]
    slots = {"slots": 300, "http_slots": 1} if is_http else {"slots": 1, "http_slots": 300}
    assert min(each.used for each in forecast(load(*tasks, **slots)).buckets) > 1.9


def test_buckets_cover_the_time_and_say_how_much_of_the_slots_is_needed() -> None:
    tasks = [workload(number, "0 * * * * *", 3) for number in range(10)]
    for hours, length in ((1, 1), (48, 5), (24 * 30, 60)):
        found = forecast(load(*tasks, hours=hours, slots=1))
        assert found.bucket == timedelta(minutes=length)
        assert sum(each.runs for each in found.buckets) == found.summary.runs == hours * 600
        assert {each.used for each in found.buckets} == {0.5}
        assert {each.late_most for each in found.buckets} == {27 * SECOND}
        assert len(found.buckets) <= 750
    part = replace(load(*tasks), begin=BEGIN + timedelta(minutes=10, seconds=30), end=BEGIN + timedelta(minutes=13))
    assert [each.runs for each in forecast(part).buckets] == [0, 10, 10]


def test_peaks_name_the_tasks_that_make_them() -> None:
    tasks = [workload(number, "0 0 12 * * *", 5) for number in range(15)]
    even = workload(99, "30 * * * * *", 1)
    found = forecast(load(*tasks, even, hours=72))
    worst = found.peaks[0]
    assert (worst.at, worst.times, worst.runs) == (BEGIN + 12 * HOUR, 3, 16)
    assert worst.late_most == 70 * SECOND
    assert {each.id for each in worst.tasks} <= {task.id for task in tasks}
    assert (len(worst.tasks), worst.other_tasks) == (10, 6)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 * * * * *", "H * * * * *"),
        ("0 */15 * * * *", "H H/15 * * * *"),
        ("0 0 * * * *", "H H * * * *"),
        ("@hourly", "H H * * * *"),
        ("0 30 9 * * MON-FRI", "H 30 9 * * 1-5"),
        ("CRON_TZ=Asia/Tokyo 0 0 3 * * *", "CRON_TZ=Asia/Tokyo H 0 3 * * *"),
        ("H H * * * *", None),
        ("*/10 * * * * *", None),
        ("@every 90s", None),
        ("@daily; @hourly", None),
    ],
)
def test_a_proposal_moves_a_task_by_less_than_its_minute_step_or_hour(schedule: str, expected: str | None) -> None:
    assert spread(workload(1, schedule)) == expected


def test_a_proposal_flattens_the_peaks_and_gives_its_effect() -> None:
    tasks = [workload(number, "0 * * * * *", 1) for number in range(30)]
    found = simulate(load(*tasks, hours=24))
    assert found.forecast.summary.late_most == 29 * SECOND
    assert found.proposal is not None
    assert {each.proposed for each in found.proposal.changes} == {"H * * * * *"}
    assert found.proposal.summary.runs == found.forecast.summary.runs
    assert found.proposal.summary.late_most < 8 * SECOND
    fixed = [replace(task, may_change=False) for task in tasks]
    assert simulate(load(*fixed)).proposal is None
    assert simulate(load(*tasks, slots=30)).proposal is None, "nothing waits"


def test_a_month_of_a_thousand_tasks_of_each_minute_is_counted_exactly_and_worked_out_whole() -> None:
    tasks = [workload(number, "0 * * * * *", 0.5) for number in range(1000)]
    found = forecast(load(*tasks, hours=24 * 30, slots=50))
    assert found.summary.runs == 30 * 24 * 60 * 1000
    assert found.summary.late_most == timedelta(seconds=9.5)
    assert found.worked_out_until == BEGIN + 24 * 30 * HOUR


def test_what_is_too_much_is_worked_out_in_part_and_counted_whole() -> None:
    tasks = [workload(number, "0 * * * * *", 0.7) for number in range(100)]
    found = forecast(replace(load(*tasks, hours=6), most_runs=7_000))
    assert found.summary.runs == 36_000
    assert found.worked_out_until == BEGIN + HOUR
    assert [each.queue is None for each in found.buckets].count(True) == 300
    assert {each.runs for each in found.buckets} == {100}
