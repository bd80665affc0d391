"""Compares our reading of random schedules with that of robfig/cron v3.0.1 itself, and records its answers.

It needs the program made of main.go, which says how to build it:

    python -m tests.schedules.robfig.compare ./robfig                  # 4,000 schedules, 4,000 damaged texts
    python -m tests.schedules.robfig.compare ./robfig --record 600     # writes cases.jsonl
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.schedule import ScheduleError, Timetable, parse
from tests.schedules.expressions import random_expression, random_instant, random_zone
from tests.schedules.oracle import SlowCron
from tests.schedules.sweep import clock_changes

RECORD = Path(__file__).parent / "cases.jsonl"
# Zones whose clocks change by whole hours and not at midnight: robfig/cron finds every instant there.
ORDINARY_ZONES = ("UTC", "Asia/Kathmandu", "America/New_York", "Europe/Berlin")
DAMAGE = ("", ",", "-", "/", "*", "?", "7", "0", "60", "MON", "L", "#2", " ", "W", "*/2", "00", "-5", "+1", "٣", "x")
COUNT = 12


def main() -> None:
    """Compare, or record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--cases", type=int, default=4000)
    parser.add_argument("--record", type=int, default=0, help="write this many cases and compare none")
    asked = parser.parse_args()
    if asked.record:
        cases = [_question(f"record {seed}", ORDINARY_ZONES) for seed in range(asked.record)]
        answers = _answers(asked.program, cases)
        lines = [json.dumps({**case, "fires": answer["fires"]}) for case, answer in zip(cases, answers, strict=True)]
        RECORD.write_text("".join(line.replace(", ", ",").replace('": ', '":') + "\n" for line in lines))
        return
    _compare_instants(asked.program, asked.cases)
    _compare_grammar(asked.program, asked.cases)


def _compare_instants(program: str, count: int) -> None:
    cases = [_question(seed) for seed in range(count)]
    found: Counter[str] = Counter()
    for case, answer in zip(cases, _answers(program, cases), strict=True):
        kind = verdict(case, [datetime.fromtimestamp(each, UTC) for each in answer["fires"]])
        found[kind] += 1
        if kind.startswith("other"):
            print(kind, case)  # noqa: T201 - a program's output
    _print(f"{count} schedules", found)


def verdict(case: dict[str, Any], theirs: list[datetime]) -> str:
    """How our instants compare with theirs: the same, or which difference it is."""
    schedule, after = parse(case["expression"], case["zone"]), datetime.fromtimestamp(case["after"], UTC)
    if schedule.upcoming(after, len(theirs)) == theirs:
        return "the same"
    assert isinstance(schedule.clauses[0].timing, Timetable)
    zone = ZoneInfo(case["zone"])
    repeated = {each for each in theirs if each.astimezone(zone).fold and not schedule.clauses[0].timing.keeps_rhythm}
    once = [each for each in theirs if each not in repeated]
    ours = schedule.upcoming(after, len(once))
    if ours == once:
        return "a fixed time that the clock shows twice"
    if ours == once[: len(ours)] and once[len(ours)] - [after, *ours][-1] > timedelta(days=5 * 365):
        return "beyond five years"
    first = next(n for n, (own, other) in enumerate(zip([*ours, None], [*once, None], strict=False)) if own != other)
    searched = [after, *ours][first], max(ours[first], once[first])
    if not _changes_within(zone, *searched):
        return f"other: {searched}"
    oracle = SlowCron(case["expression"], case["zone"]).after(after, len(ours), max(ours))
    return "robfig/cron misses or adds instants after a clock change" if oracle == ours else "OURS ARE WRONG"


def _changes_within(zone: ZoneInfo, begin: datetime, end: datetime) -> bool:
    """Whether the offset changes between a day before `begin` and `end`."""
    hours = (end - begin) // timedelta(hours=1) + 26
    return len({(end - timedelta(hours=back)).astimezone(zone).utcoffset() for back in range(hours)}) > 1


def _compare_grammar(program: str, count: int) -> None:
    cases = [{**_question(f"damaged {seed}", ("UTC",)), "count": 3} for seed in range(count)]
    for seed, case in enumerate(cases):
        case["expression"] = _damaged(Random(f"damage {seed}"), case["expression"])
    found: Counter[str] = Counter()
    for case, answer in zip(cases, _answers(program, cases), strict=True):
        found[_grammar_verdict(case, answer)] += 1
    _print(f"{count} damaged texts", found)


def _grammar_verdict(case: dict[str, Any], answer: dict[str, Any]) -> str:
    try:
        schedule = parse(case["expression"])
    except ScheduleError as error:
        return "refused by both" if "error" in answer else f"refused by us alone: {_reason(error)}"
    if "error" in answer:
        return f"accepted by us alone: {answer['error'].split(':')[0].split('(')[0]}"
    after = datetime.fromtimestamp(case["after"], UTC)
    theirs = [datetime.fromtimestamp(each, UTC) for each in answer["fires"]]
    ours = schedule.upcoming(after, len(theirs))
    if ours == theirs[: len(ours)]:
        return (
            "accepted by both, the same instants"
            if len(ours) == len(theirs)
            else "accepted by both, beyond five years"
        )
    return f"accepted by both, OTHER INSTANTS: {case['expression']}"


def _reason(error: ScheduleError) -> str:
    """The message without what was written."""
    return re.sub(r"'[^']*'|allowed is .*|write .*", "…", str(error).split(": ", 1)[-1])


def _damaged(random: Random, expression: str) -> str:
    at = random.randrange(len(expression))
    return expression[:at] + random.choice(DAMAGE) + expression[at + random.choice([0, 1, 1, 2]) :]


def _question(seed: object, zones: Iterable[str] = ()) -> dict[str, Any]:
    """A schedule and an instant to begin at: in half of the cases shortly before a clock change."""
    random = Random(str(seed))
    zone = random.choice(list(zones)) if zones else random_zone(random)
    after, changes = random_instant(random), _changes_of(zone)
    if changes and random.random() < 0.5:
        after = random.choice(changes) - timedelta(seconds=random.randrange(36 * 3600))
    expression = _fixed_times(random) if random.random() < 0.2 else random_expression(random)
    return {"expression": expression, "zone": zone, "after": int(after.timestamp())}


def _fixed_times(random: Random) -> str:
    """Some times of the night, the ones that clock changes skip and repeat."""
    minutes, hours = (",".join(str(random.randint(0, most)) for _ in range(2)) for most in (59, 3))
    return f"{random.choice(['0', '0,30'])} {minutes} {hours} * * {random.choice(['*', 'SUN', 'SAT,SUN', '*/3'])}"


@cache
def _changes_of(zone: str) -> list[datetime]:
    return list(clock_changes(ZoneInfo(zone)))


def _answers(program: str, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    asked = "".join(json.dumps({"count": COUNT, **case}) + "\n" for case in cases)
    done = subprocess.run([program], input=asked, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _print(what: str, found: Counter[str]) -> None:
    print(what)  # noqa: T201 - a program's output
    for kind, count in found.most_common():
        print(f"{count:6} {kind}")  # noqa: T201 - a program's output


if __name__ == "__main__":
    main()
