"""Our instants against two other implementations: robfig/cron v3.0.1 itself, and cronsim."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from cronsim import CronSim

from falcon_scheduler.core.domain.schedule import Schedule, Timetable, parse

from .expressions import random_expression, random_instant
from .oracle import MONTHS, WEEKDAYS

ROBFIG_CASES = Path(__file__).parent / "robfig" / "cases.jsonl"


def test_schedules_mean_what_robfig_cron_says_but_for_the_second_of_two_equal_hours() -> None:
    """robfig/cron itself made the answers, see robfig/compare.py."""
    cases = [json.loads(line) for line in ROBFIG_CASES.read_text().splitlines()]
    repeated = 0
    for case in cases:
        schedule = parse(case["expression"], case["zone"])
        wanted = [datetime.fromtimestamp(each, UTC) for each in case["fires"]]
        once = [each for each in wanted if not _is_repeated(schedule, each)]
        repeated += len(wanted) - len(once)
        after = datetime.fromtimestamp(case["after"], UTC)
        ours = schedule.upcoming(after, len(once))
        assert ours == once[: len(ours)], case
        if len(ours) < len(once):  # robfig/cron looks up to six years ahead, we five
            assert once[len(ours)] - [after, *ours][-1] > timedelta(days=5 * 365), case
    assert len(cases) == 600
    assert repeated > 10


def _is_repeated(schedule: Schedule, instant: datetime) -> bool:
    assert isinstance(schedule.clauses[0].timing, Timetable)
    return not schedule.clauses[0].timing.keeps_rhythm and bool(instant.astimezone(ZoneInfo(schedule.timezone)).fold)


def test_a_star_with_a_step_restricts_the_days_as_in_robfig_cron() -> None:
    """Classic cron, Debian's and cronsim take `*/10` for a star, so that both day fields must fit."""
    days = parse("0 0 0 */10 * SUN").upcoming(datetime(2026, 1, 1, tzinfo=UTC), 6)
    assert [each.date().isoformat() for each in days] == [
        *("2026-01-04", "2026-01-11", "2026-01-18", "2026-01-21", "2026-01-25", "2026-01-31"),
    ]
    assert parse("0 0 0 */1 * SUN") == parse("0 0 0 * * SUN")
    assert parse("0 0 0 */10,* * SUN") == parse("0 0 0 * * SUN")


def _cronsim_reads_alike(expression: str) -> bool:
    """Not so: `?`, a later star of a list, a step after a range of one value or after a weekday (it goes on to 7).

    And not a day field `*/n` beside another restriction, which is a star to cronsim.
    """
    fields = expression.split()
    ranges = re.findall(r"(\w+)-(\w+)/", expression)
    return not (
        "?" in expression
        or any("*" in each[1:] for each in (fields[3], fields[5]))
        or any(_number(first) == _number(last) for first, last in ranges)
        or re.search(r"(^|,)\w+/", fields[5])
        or ("*/" in fields[3] + fields[5] and "*" not in (fields[3], fields[5]))
    )


def _number(text: str) -> str:
    """The same text for the same value, be it a name or a number."""
    name = text.lower()
    for names in (MONTHS, WEEKDAYS):
        if name in names:
            return str(names.index(name) + (names is MONTHS))
    return str(int(text))


def test_schedules_mean_what_cronsim_says_in_utc() -> None:
    compared = 0
    for seed in range(2000):
        random = Random(seed)
        expression, after = random_expression(random), random_instant(random)
        if not _cronsim_reads_alike(expression):
            continue
        ours = parse(expression).upcoming(after, 20)
        theirs = CronSim(expression, after)
        assert ours == [next(theirs) for _ in ours], (seed, expression, after)
        compared += len(ours)
    assert compared > 10_000


def test_five_fields_of_cronsim_mean_our_six_with_second_zero() -> None:
    for seed in range(1000):
        random = Random(f"five {seed}")
        five = random_expression(random).split(maxsplit=1)[1]
        after = random_instant(random)
        if not _cronsim_reads_alike(f"0 {five}"):
            continue
        ours = parse(f"0 {five}").upcoming(after, 10)
        theirs = CronSim(five, after)
        assert ours == [next(theirs) for _ in ours], (seed, five, after)


def test_fixed_hours_mean_what_cronsim_says_in_new_york_where_no_time_is_skipped() -> None:
    """Where a time does not exist cronsim, like Debian's cron, fires after the gap; we skip it."""
    zone, compared = ZoneInfo("America/New_York"), 0
    for seed in range(1500):
        random = Random(f"fixed {seed}")
        hours = ",".join(str(random.choice([0, 1, 3, 4, 12, 23])) for _ in range(2))
        dates, weekdays = random.choice([("*", "0"), ("*", "1-5"), ("1-14", "*"), ("1-14", "1-5"), ("*/2", "*")])
        five = f"{random.randrange(60)} {hours} {dates} 3,11 {weekdays}"
        after = random_instant(random).astimezone(zone)
        ours = parse(f"0 {five}", zone.key).upcoming(after, 10)
        theirs = CronSim(five, after)
        assert ours == [next(theirs).astimezone(UTC) for _ in ours], (seed, five, after)
        compared += len(ours)
    assert compared > 10_000
