"""Every clock change of every zone from 2000 to 2037, against 200 expressions: our instants and Prefect's dates.

The test suite takes a seeded sample of it. All of it, on this Python (an hour's half on one core):

    python -m tests.schedules.sweep instants
    python -m tests.schedules.sweep prefect --share 0.05

And against random texts of the whole grammar, other ones at each clock change:

    python -m tests.schedules.sweep texts --each 3

And each form that the grammar has beyond robfig/cron (`L`, `15W`, `MON#2`, `H`, `;`, phases, `@at` …), with values
that lie at the clock change, in every zone at some of its changes to either side:

    python -m tests.schedules.sweep forms --each 2
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.schedule import Schedule, parse

from .expressions import ZONES, random_expression
from .oracle import SlowCron, SlowSchedule
from .prefect_dates import all_dates, prefect_dates
from .texts import forms_at, random_text

FIRST_YEAR, LAST_YEAR = 2000, 2037
WINDOW = timedelta(hours=4)
TASK_ID = "7f6c2f4e-0a57-4a0b-9d53-2f8f5a0f4b11"
MOST_DATES = 40
HANDPICKED = (
    *(
        "* * * * * *",
        "*/20 * * * * *",
        "0 * * * * *",
        "0 */5 * * * *",
        "0 */15 * * * *",
        "0 */30 * * * *",
        "0 7/20 * * * *",
    ),
    *("0 0 * * * *", "0 30 * * * *", "0 0 */2 * * *", "0 0 1/2 * * *", "0 30 */3 * * *", "0 15 0-6/2 * * *"),
    *("0 30 0 * * *", "0 30 1 * * *", "0 30 2 * * *", "0 30 3 * * *", "0 0 0 * * *", "0 0 1 * * *", "0 0 2 * * *"),
    *("0 0 3 * * *", "0 15 2 * * *", "0 45 1 * * *", "0 59 23 * * *", "59 59 1 * * *"),
    *("0 30 2 * * SUN", "0 30 2 * * MON-FRI", "0 0 * * * SUN", "0 */10 * * * SAT", "0 */10 * * 3,10 *"),
    *("0 30 1 25-31 10 *", "0 30 2 8-14 3 *", "0 30 1 1-7 * SUN", "0 30 2 */2 * *", "0 30 2 13 * FRI"),
    *("0 0 0 1 * *", "0 0 0 31 * *", "0 30 0 29 2 *", "0 0 0-3 * * *", "* * 2 * * *", "*/15 * 1,2 * * *"),
    *("0 */10 0-3 * * *", "*/20 30 1 * * *", "0 0,30 1 * * *", "0 0-59 1-2 * * *", "0 30 0-23 * * SUN"),
    *("0 15 22-2 * * *", "0 30 1 */7 * 7", "0 5/60 0,1 * * *"),
    *("@hourly", "@daily", "@weekly", "@monthly", "0 0 9-17 * * MON-FRI", "0 0 12 * * *", "0 0,30 0-4 * * *"),
)


@cache
def expressions() -> list[str]:
    """The 200: what people write, and random ones."""
    random = Random("two hundred expressions")
    return [*HANDPICKED, *(random_expression(random, wide=0.1) for _ in range(200 - len(HANDPICKED)))]


@dataclass(frozen=True)
class Change:
    """One clock change: the first instant of the new offset."""

    zone: str
    at: datetime


def distinct_zones() -> Iterator[tuple[str, list[datetime]]]:
    """One zone of each group whose clocks agree all the time, with its changes."""
    seen = set()
    for name in ZONES:
        changes = list(clock_changes(ZoneInfo(name)))
        offset = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).astimezone(ZoneInfo(name)).utcoffset()
        key = (offset, *((at, at.astimezone(ZoneInfo(name)).utcoffset()) for at in changes))
        if key not in seen:
            seen.add(key)
            yield name, changes


def clock_changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The first instants of each new offset, found without the product's code."""
    step, second = timedelta(days=2), timedelta(seconds=1)
    low = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    while low.year <= LAST_YEAR:
        high = low + step
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            before, after = low, high
            while after - before > second:
                middle = (before + (after - before) // 2).replace(microsecond=0)
                same = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
                before, after = (middle, after) if same else (before, middle)
            yield after
        low = high


def differs(change: Change, expression: str) -> str | None:
    """What is wrong with our instants around this change; `None` if nothing is."""
    begin, end = change.at - WINDOW, change.at + WINDOW
    ours = _ours(expression, change.zone, begin, end)
    expected = _expected(expression, change.zone, begin, end)
    return None if ours == expected else _first_difference(change, expression, ours, expected)


def prefect_differs(change: Change, expression: str) -> str | None:
    """What is wrong with Prefect's dates for our translation around this change; `None` if nothing is."""
    begin, end = change.at - timedelta(hours=26), change.at + timedelta(hours=26)
    schedule = parse(expression, change.zone)
    ours = _ours(expression, change.zone, begin, end)
    theirs = prefect_dates(schedule, begin, MOST_DATES, end)
    return None if ours == theirs else _first_difference(change, expression, theirs, ours)


def text_differs(change: Change, text: str) -> str | None:
    """What is wrong with our instants of any text around this change, second by second; `None` if nothing is."""
    begin, end = change.at - timedelta(hours=2), change.at + timedelta(hours=2)
    schedule = parse(text, change.zone, task_id=TASK_ID)
    ours = _due(schedule, begin, end)
    expected = SlowSchedule(text, change.zone, task_id=TASK_ID, created_at=begin).after(begin, end)
    return None if ours == expected else _first_difference(change, text, ours, expected)


def text_prefect_differs(change: Change, text: str) -> str | None:
    """What is wrong with the dates that Prefect makes of any text around this change; `None` if nothing is."""
    begin, end = change.at - timedelta(hours=26), change.at + timedelta(hours=26)
    schedule = parse(text, change.zone, task_id=TASK_ID)
    ours = _due(schedule, begin, end, from_begin=True, most=900)
    theirs = sorted(set(all_dates(schedule, begin, 2000, end)))
    theirs = theirs[: len(ours)] if len(ours) == 900 else theirs
    return None if ours == theirs else _first_difference(change, text, theirs, ours)


def _ours(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    return _due(parse(expression, zone), begin, end, from_begin=True, most=MOST_DATES)


def _due(
    schedule: Schedule, begin: datetime, end: datetime, *, from_begin: bool = False, most: int = 5 * 3600
) -> list[datetime]:
    """The instants after `begin`, or from it on, up to `end`; lengths of time are counted from `begin`."""
    found: list[datetime] = []
    following = schedule.next_after(begin - timedelta(microseconds=from_begin), begin)
    while following is not None and following <= end and len(found) < most:
        found.append(following)
        following = schedule.next_after(following, begin)
    return found


def _expected(expression: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    oracle = _oracle(expression, zone)
    found = []
    for minute, wall in _minutes(zone, begin, end):
        if oracle.fits_minute(wall):
            found += [each for second in sorted(oracle.seconds) if (each := minute.replace(second=second)) <= end]
            if len(found) >= MOST_DATES:
                break
    return found[:MOST_DATES]


@cache
def _minutes(zone: str, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    _minutes.cache_clear()  # only the last window is asked for again
    count = (end - begin) // timedelta(minutes=1) + 1
    minutes = [begin + timedelta(minutes=n) for n in range(count)]
    return [(minute, minute.astimezone(ZoneInfo(zone))) for minute in minutes]


@cache
def _oracle(expression: str, zone: str) -> SlowCron:
    descriptors = {
        "@hourly": "0 0 * * * *",
        "@daily": "0 0 0 * * *",
        "@weekly": "0 0 0 * * 0",
        "@monthly": "0 0 0 1 * *",
    }
    return SlowCron(descriptors.get(expression, expression), zone)


def _first_difference(change: Change, expression: str, got: list[datetime], wanted: list[datetime]) -> str:
    extra = [str(each) for each in got if each not in wanted][:2]
    missing = [str(each) for each in wanted if each not in got][:2]
    return f"{expression!r} in {change.zone} at {change.at}: extra {extra}, missing {missing}"


def main() -> int:
    """Run the sweep and print what was compared; 1 if anything differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["instants", "prefect", "texts", "forms"])
    parser.add_argument("--share", type=float, default=1.0, help="of the cases, taken at random")
    parser.add_argument(
        "--each", type=int, default=1, help="texts for each clock change, or changes to either side in each zone"
    )
    asked = parser.parse_args()
    if asked.what == "texts":
        return _sweep_texts(asked.each, asked.share)
    if asked.what == "forms":
        return _sweep_forms(asked.each)
    check = differs if asked.what == "instants" else prefect_differs
    random, zones, changes, cases, wrong = Random(0), 0, 0, 0, 0
    for zone, instants in distinct_zones():
        zones, changes = zones + 1, changes + len(instants)
        for change in (Change(zone, at) for at in instants):
            for expression in expressions():
                if random.random() >= asked.share:
                    continue
                cases += 1
                fault = check(change, expression)
                if fault:
                    wrong += 1
                    print(fault)  # noqa: T201 - a program's output
    compared = f"{len(ZONES)} zone names, {zones} distinct, {changes} changes, {cases} cases, {wrong} differ"
    print(f"{asked.what}, Python {sys.version.split()[0]}: {compared}")  # noqa: T201 - a program's output
    return int(wrong > 0)


def _sweep_texts(each: int, share: float) -> int:
    random, changes, cases, wrong = Random("texts"), 0, 0, 0
    for zone, instants in distinct_zones():
        for change in (Change(zone, at) for at in instants):
            if random.random() >= share:
                continue
            changes += 1
            for _ in range(each):
                cases += 1
                wrong += _text_is_wrong(change, random_text(random, change.at, change.zone))
    print(f"texts, Python {sys.version.split()[0]}: {changes} changes, {cases} texts, {wrong} differ")  # noqa: T201
    return int(wrong > 0)


def _sweep_forms(each: int) -> int:
    random, zones, changes, cases, wrong = Random("forms"), 0, 0, 0, 0
    for zone, instants in distinct_zones():
        zones += 1
        for change in _some_changes(random, zone, instants, each):
            changes += 1
            for text in forms_at(change.at, zone):
                cases += 1
                wrong += _text_is_wrong(change, text)
    compared = f"{len(ZONES)} zone names, {zones} distinct, {changes} changes, {cases} texts, {wrong} differ"
    print(f"forms, Python {sys.version.split()[0]}: {compared}")  # noqa: T201 - a program's output
    return int(wrong > 0)


def _some_changes(random: Random, zone: str, instants: list[datetime], each: int) -> list[Change]:
    """Up to `each` changes that put the zone's clocks forward, and as many that put them back."""
    before = timedelta(seconds=1)
    sides: tuple[list[datetime], list[datetime]] = [], []
    for at in instants:
        shown = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in (at - before, at)]
        sides[shown[1] - shown[0] > before].append(at)
    chosen = [at for side in sides for at in random.sample(side, min(each, len(side)))]
    return [Change(zone, at) for at in sorted(chosen)]


def _text_is_wrong(change: Change, text: str) -> bool:
    """Compare a text with the oracle and with Prefect's dates, and print what differs."""
    faults = [fault for fault in (text_differs(change, text), text_prefect_differs(change, text)) if fault]
    for fault in faults:
        print(fault)  # noqa: T201 - a program's output
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
