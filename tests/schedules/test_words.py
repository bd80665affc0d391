"""How a schedule reads in plain English."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest

from falcon_scheduler.core.domain.cron.fields import Field
from falcon_scheduler.core.domain.schedule import Timetable, parse

from .expressions import random_expression
from .word_reading import Reading, read

WORDS = {
    "* * * * * *": "every second",
    "*/10 * * * * *": "every 10 seconds",
    "*/7 * * * * *": "at seconds 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every minute",
    "5 * * * * *": "at second 5 of every minute",
    "0 * * * * *": "every minute",
    "0 */5 * * * *": "every 5 minutes",
    "0 */7 * * * *": "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour",
    "0 1/2 * * * *": "every 2 minutes from minute 1 of every hour",
    "0 1/15 * * * *": "at minutes 1, 16, 31 and 46 of every hour",
    "0 2/5 9-17 * * 1-5": "every 5 minutes from minute 2 of hours 9 to 17, Monday to Friday",
    "3/5 * * * * *": "every 5 seconds from second 3 of every minute",
    "7 1/3 */2 * * *": "at second 7 of every 3rd minute from minute 1 of every 2nd hour",
    "10 */5 * * * *": "at second 10 of every 5th minute",
    "*/10 */5 * * * *": "every 10 seconds of every 5th minute",
    "@hourly": "every hour",
    "0 30 * * * *": "every hour at 30 min past the hour",
    "0 0 */2 * * *": "every 2 hours",
    "0 5,35 */6 * * *": "at minutes 5 and 35 of every 6th hour",
    "0 0 3 * * SUN": "at 03:00 on Sunday",
    "0 0 3 * * *": "at 03:00 every day",
    "15 30 9,17 * * 1-5": "at 09:30:15 and 17:30:15 from Monday to Friday",
    "0 */5 9-17 * * MON,WED": "every 5 minutes from 09:00 to 17:59 on Monday and Wednesday",
    "0 0 9-17 * * MON-FRI": "every hour from 09:00 to 17:00, Monday to Friday",
    "0 5,35 9-17 * * *": "at minutes 5 and 35 of hours 9 to 17",
    "* * 2 * * *": "every second of hour 2",
    "@yearly": "at 00:00 on 1 January",
    "@monthly": "at 00:00 on day 1 of the month",
    "0 0 0 1,15 * *": "at 00:00 on days 1 and 15 of the month",
    "0 0 0 */2 * *": "at 00:00 on every 2nd day of the month from day 1",
    "0 0 0 13 * 5": "at 00:00 on day 13 of the month or on Friday",
    "0 0 0 1-7 * */6": "at 00:00 on days 1 to 7 of the month or on Sunday and Saturday",
    "0 0 0 13 6 5": "at 00:00 in June, on day 13 of the month or on Friday",
    "0 0 0 13 6-8 1-5": "at 00:00 from June to August, on day 13 of the month or from Monday to Friday",
    "0 0 0 */2 * MON": "at 00:00 on every 2nd day of the month from day 1 or on Monday",
    "0 0 0 1-31 * MON": "at 00:00 every day",
    "0 0 12 * 6-8 *": "at 12:00 every day from June to August",
    "0 0 12 * 1,11,12 *": "at 12:00 every day in January, November and December",
    "0 0 9-17 * 6-8 *": "every hour from 09:00 to 17:00 every day from June to August",
    "0 50-10,20 * * * *": "at minutes 0 to 10, 20 and 50 to 59 of every hour",
    "0 0 12 * 6,12 1": "at 12:00 on Monday in June and December",
    "@every 90s": "every 1 minute and 30 seconds, counted from the task's creation",
    "@every 24h from 02:30": "every day from 02:30 on",
    "@every 20s from 06:00:10": "every 20 seconds from 06:00:10 on",
    "@every 1d from 2026-01-05T09:00": "every day at 09:00, the first time on 5 January 2026",
    "@every 1w from 2026-01-05T09:00": "every week on Monday at 09:00, the first time on 5 January 2026",
    "CRON_TZ=Europe/Berlin @at 2026-10-25T01:30:00Z": "once, on 25 October 2026 at 02:30, "
    "the second time that the clock shows it",
    "@daily; TZ=Asia/Tokyo @hourly": "at 00:00 every day (UTC); and every hour (Asia/Tokyo)",
    "0 0 9 L 2 *": "at 09:00 on the last day of the month in February",
    "0 0 9 3,L 2,3 *": "at 09:00 on day 3 of the month and on the last day of the month in February and March",
    "0 0 9 * * 1-3,5L": "at 09:00 from Monday to Wednesday and on the last Friday of the month",
    "@every 1m": "every minute, counted from the task's creation",
    "@every 36h": "every 1 day and 12 hours, counted from the task's creation",
    "@every 1h30m5s": "every 1 hour, 30 minutes and 5 seconds, counted from the task's creation",
}


@pytest.mark.parametrize("expression", WORDS)
def test_a_schedule_reads_as_a_person_would_say_it(expression: str) -> None:
    assert parse(expression).describe() == WORDS[expression]


def test_the_words_of_a_schedule_say_all_that_its_fields_do_and_nothing_else() -> None:
    """Read back, they name the same times on the same days."""
    plain = [each for each in WORDS if not set(each) & set("@L;")] + ["@hourly", "@yearly", "@monthly"]
    seeds = [*plain, *(random_expression(Random(seed), wide=0.2) for seed in range(4000))]
    for expression in seeds:
        timing = parse(expression).clauses[0].timing
        assert isinstance(timing, Timetable)
        said = read(parse(expression).describe())
        assert (said.hours, said.minutes, said.seconds) == tuple(
            _values(field) for field in (timing.hour, timing.minute, timing.second)
        ), expression
        assert _days(said) == [timing.days_in(2027, month) for month in range(1, 13)], expression


def _values(field: Field) -> frozenset[int]:
    return frozenset(value for value in range(60) if field.values >> value & 1)


def _days(said: Reading) -> list[int]:
    """The days of each month of 2027 that the words name, as the product holds them."""
    found = [0] * 12
    for ordinal in range(365):
        day = date(2027, 1, 1) + timedelta(days=ordinal)
        fits = day.day in said.dates, day.isoweekday() % 7 in said.weekdays
        if day.month in said.months and (any(fits) if said.either else all(fits)):
            found[day.month - 1] |= 1 << day.day
    return found
