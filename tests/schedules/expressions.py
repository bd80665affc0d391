"""Random schedules that lean to what goes wrong: night hours, ends of months, steps that do not divide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from falcon_scheduler.core.domain.cron.clock_changes import zone_names
from falcon_scheduler.core.domain.schedule import ScheduleError, parse

ZONES = sorted(zone_names())
MONTHS = ("jan", "FEB", "Mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "MON", "Tue", "wed", "thu", "fri", "sat")
# Zones whose clocks do something unusual: half hours, days left out, changes at midnight or on dates set by the moon.
ODD_ZONES = (
    *("Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns", "Asia/Gaza", "Africa/Casablanca", "Europe/Dublin"),
    *("America/Havana", "Asia/Beirut", "Atlantic/Azores", "America/Asuncion", "Asia/Tehran", "Antarctica/Troll"),
    *("Pacific/Chatham", "America/Nuuk", "Asia/Pyongyang", "America/Caracas", "Africa/Cairo", "Asia/Kathmandu"),
    *("Antarctica/Casey", "Asia/Jerusalem", "Europe/Chisinau", "America/Santiago", "Pacific/Norfolk", "Asia/Amman"),
)
LATE_DATES = ("30,31", "1,31", "2,31", "1,30", "*/15", "29", "31", "1-2,30-31", "*/10", "29-31", "*/2", "28/1")


def random_expression(random: Random, *, wide: float = 0) -> str:
    """Six fields that some date fits; this share of their items is what robfig/cron refuses: `7`, `fri-mon`."""
    while True:
        expression = " ".join(
            [
                random.choice(["0", "0", _field(random, 0, 59, star=0.1, wide=wide)]),
                _field(random, 0, 59, wide=wide),
                _field(random, 0, 23 if random.random() < 0.5 else 3, wide=wide),
                random.choice(LATE_DATES) if random.random() < 0.1 else _field(random, 1, 31, star=0.5, wide=wide),
                _field(random, 1, 12, MONTHS, star=0.7, wide=wide),
                _field(random, 0, 6, WEEKDAYS, star=0.6, wide=wide),
            ]
        )
        try:
            parse(expression)
        except ScheduleError:
            continue
        return expression


def random_zone(random: Random) -> str:
    """UTC, an odd one, or any."""
    return random.choice(["UTC", random.choice(ODD_ZONES), random.choice(ZONES), random.choice(ZONES)])


def random_instant(random: Random, first_year: int = 2000, last_year: int = 2036) -> datetime:
    """Any second, in UTC."""
    begin = datetime(first_year, 1, 1, tzinfo=UTC)
    return begin + timedelta(
        seconds=random.randrange(int(timedelta(days=365.25 * (last_year - first_year + 1)).total_seconds()))
    )


def _field(
    random: Random, low: int, high: int, names: tuple[str, ...] = (), *, star: float = 0.4, wide: float = 0
) -> str:
    if random.random() < star:
        return random.choice(["*", "*", "*", "?", f"*/{random.randint(1, high // 2 + 1)}"])
    return ",".join(_item(random, low, high, names, wide) for _ in range(random.choice([1, 1, 1, 2, 3])))


def _item(random: Random, low: int, high: int, names: tuple[str, ...], wide: float) -> str:
    def value(number: int) -> str:
        if wide and names is WEEKDAYS and number == 0 and random.random() < 0.5:
            return "7"
        named = names and random.random() < 0.4
        return names[number - low] if named else random.choice([str(number), f"{number:02}"])

    first, last = sorted((random.randint(low, high), random.randint(low, high)))
    if wide and random.random() < wide:
        first, last = last, first
    step = random.randint(1, high + 2)
    return random.choice(
        [
            value(first),
            value(first),
            f"{value(first)}-{value(last)}",
            f"{value(first)}/{step}",
            f"{value(first)}-{value(last)}/{step}",
        ]
    )
