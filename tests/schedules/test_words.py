"""How a schedule reads in plain English."""

from __future__ import annotations

from random import Random

import pytest

from core.domain.schedule import parse

from .expressions import random_expression

WORDS = {
    "* * * * * *": "every second",
    "*/10 * * * * *": "every 10 seconds",
    "*/7 * * * * *": "at seconds 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every minute",
    "5 * * * * *": "at second 5 of every minute",
    "0 * * * * *": "every minute",
    "0 */5 * * * *": "every 5 minutes",
    "0 */7 * * * *": "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour",
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
    "0 0 0 13 * 5": "at 00:00 on day 13 of the month and on Friday",
    "0 0 0 1-7 * */6": "at 00:00 on Sunday and Saturday if it is days 1 to 7 of the month",
    "0 0 12 * 6-8 *": "at 12:00 from June to August",
    "0 0 12 * 6,12 1": "at 12:00 on Monday in June and December",
    "@every 90s": "every 1 minute and 30 seconds",
    "@every 1m": "every minute",
    "@every 36h": "every 1 day and 12 hours",
    "@every 1h30m5s": "every 1 hour, 30 minutes and 5 seconds",
}


@pytest.mark.parametrize("expression", WORDS)
def test_a_schedule_reads_as_a_person_would_say_it(expression: str) -> None:
    assert parse(expression).describe() == WORDS[expression]


def test_schedules_that_fire_at_different_times_never_share_their_words() -> None:
    by_words: dict[str, tuple[object, ...]] = {}
    for seed in range(3000):
        timing = parse(random_expression(Random(seed))).timing
        fields = (timing.second, timing.minute, timing.hour, timing.month)  # type: ignore[union-attr]
        sets = (*(field.values for field in fields), *(timing.days_in(2027, month) for month in range(1, 13)))  # type: ignore[union-attr]
        words = parse(random_expression(Random(seed))).describe()
        assert by_words.setdefault(words, sets) == sets, words
