"""Random schedules of the whole grammar: what robfig/cron reads, and all that is accepted beyond it."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.schedule import ScheduleError, parse

from .expressions import WEEKDAYS, ZONES, random_expression

DIVISORS = ("1m", "5m", "8m", "15m", "32m", "40m", "90m", "96m", "2h", "3h", "8h", "12h", "24h", "20s", "30s")


def random_text(random: Random, near: datetime, zone: str, *, most: int = 3) -> str:
    """One to `most` schedules in a text that can be read, some of whose instants lie near this one."""
    while True:
        count = random.choice([1, 1, 1, 1, *range(2, most + 1)])
        texts = [_one(random, near.astimezone(ZoneInfo(zone))) for _ in range(count)]
        if count > 1 and random.random() < 0.2:
            texts[-1] = f"CRON_TZ={random.choice(ZONES)} {texts[-1]}"
        text = "; ".join(texts)
        try:
            parse(text, zone)
        except ScheduleError:
            continue
        return text


def forms_at(change: datetime, zone: str) -> list[str]:
    """Each form that is accepted beyond robfig/cron, with instants at this clock change and just beside it.

    Times are those that the clock shows, skips or repeats there.
    """
    shown = (change - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
    after = change.astimezone(ZoneInfo(zone))
    hours = f"{shown.hour},{after.hour}"
    between = after.replace(tzinfo=None) + timedelta(minutes=30)
    skipped = shown.replace(tzinfo=None) + timedelta(minutes=30)
    behind = monthrange(shown.year, shown.month)[1] - shown.day
    weekday, nth = shown.isoweekday() % 7, (shown.day - 1) // 7 + 1
    utc = change.astimezone(ZoneInfo("UTC"))
    return [
        f"0 30 {hours} L * *",
        f"0 */20 {hours} L-{behind} * *" if behind else f"0 */20 {hours} L * *",
        f"0 30 {hours} LW * *",
        f"0 30 {hours} {shown.day}W * *",
        f"0 */15 * {shown.day}W * *",
        f"0 30 {hours} * * {weekday}L",
        f"0 */10 * * * {weekday}L",
        f"0 30 {hours} * * {WEEKDAYS[weekday]}#{nth}",
        f"0 0,30 */2 * * {weekday}#{nth}",
        f"0 30 {hours} {shown.day}W * {weekday}L",
        f"0 30 {hours} * * {weekday}-{after.isoweekday()}",
        f"0 30 {shown.hour}-{(after.hour + 1) % 24} * * *",
        "0 H * * * *",
        f"0 H(0-29) {hours} * * *",
        f"H H/20 H({min(shown.hour, after.hour)}-{max(shown.hour, after.hour)}) * * *",
        f"0 30 {hours} * * *; 0 */30 * * * *",
        f"CRON_TZ=UTC 0 0 * * * *; CRON_TZ={zone} 0 30 {hours} * * *",
        f"@every 90m from {skipped:%H:%M}",
        f"@every 24h from {skipped:%H:%M}",
        f"@every 40m from {between:%H:%M}",
        f"@every 20s from {between:%H:%M}",
        f"@every 90m from {utc - timedelta(days=3):%Y-%m-%dT%H:%M:%S}Z",
        f"@every 7h from {shown.replace(tzinfo=None) - timedelta(days=5):%Y-%m-%dT}12:00",
        f"@every 2d from {skipped - timedelta(days=4):%Y-%m-%dT%H:%M}",
        f"@every 1w from {between - timedelta(days=7):%Y-%m-%dT%H:%M}",
        f"@every 2w from {skipped - timedelta(days=14):%Y-%m-%dT%H:%M}",
        f"@every 2w from {between - timedelta(days=7):%Y-%m-%dT%H:%M}",
        f"@at {utc:%Y-%m-%dT%H:%M:%S}Z",
        f"@at {utc + timedelta(minutes=30):%Y-%m-%dT%H:%M:%S}Z; @at {utc - timedelta(minutes=30):%Y-%m-%dT%H:%M:%S}Z",
        f"@at {after.replace(tzinfo=None) + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",
    ]


def _one(random: Random, near: datetime) -> str:
    kinds = (_six_fields, _six_fields, _six_fields, _daily, _every_days, _every_from, _at)
    return random.choice(kinds)(random, near)


def _six_fields(random: Random, near: datetime) -> str:
    fields = random_expression(random, wide=0.2).split()
    if random.random() < 0.8:
        fields[3], fields[5] = _days(random, near)
        fields[4] = random.choice(["*", "*", str(near.month)])
    if random.random() < 0.3:
        fields[1], fields[2] = random.choice(["H", "H(0-29)", "H/20"]), random.choice(["H", "*", "H(0-4)", "H/6"])
    return " ".join(fields)


def _days(random: Random, near: datetime) -> tuple[str, str]:
    date = random.choice(["L", f"L-{random.randint(1, 9)}", "LW", f"{near.day}W", f"{random.randint(1, 31)}W", "1W"])
    weekday = random.choice([*map(str, range(8)), *WEEKDAYS])
    weekday += random.choice(["L", f"#{random.randint(1, 5)}", f"#{(near.day - 1) // 7 + 1}"])
    if random.random() < 0.3:
        date, weekday = f"{date},{random.randint(1, 28)}", f"{weekday},{random.randint(0, 6)}"
    return random.choice([(date, "*"), ("*", weekday), (date, weekday), (date, "1-5")])


def _daily(random: Random, near: datetime) -> str:
    phase = random.choice(
        [f"{random.randint(0, 23):02}:{random.choice(['00', '30', '07'])}", f"{near:%H:%M}", "02:30"]
    )
    return f"@every {random.choice(DIVISORS)} from {phase}"


def _every_days(random: Random, near: datetime) -> str:
    begin = near + timedelta(days=random.randint(-40, 3), minutes=random.randint(-200, 200))
    return f"@every {random.choice(['1d', '2d', '3d', '5d', '1w', '2w'])} from {begin:%Y-%m-%dT%H:%M}"


def _every_from(random: Random, near: datetime) -> str:
    begin = near.astimezone(ZoneInfo("UTC")) + timedelta(minutes=random.randint(-3000, 600))
    return f"@every {random.choice(['90m', '7h', '100s', '36h', '45m'])} from {begin:%Y-%m-%dT%H:%M:%S}Z"


def _at(random: Random, near: datetime) -> str:
    instant = near.astimezone(ZoneInfo("UTC")) + timedelta(minutes=random.randint(-30, 600))
    return f"@at {instant:%Y-%m-%dT%H:%M:%S}Z"
