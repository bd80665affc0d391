"""Which texts are schedules, and what the others are told."""

from __future__ import annotations

from random import Random

import pytest

from falcon_scheduler.core.domain.schedule import Schedule, ScheduleError, parse

from .expressions import random_expression, random_zone


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("* * * * * *", "* * * * * *"),
        ("  0   */5\t* * * *  ", "0 */5 * * * *"),
        ("? ? ? ? ? ?", "* * * * * *"),
        ("*/1 * * * * *", "* * * * * *"),
        ("0 0 3 * * SUN", "0 0 3 * * 0"),
        ("0 0 3 * jan-MAR Mon-fri", "0 0 3 * 1-3 1-5"),
        ("00 007 3 01 1 0", "0 7 3 1 1 0"),
        ("30,5,5 0 0 * * *", "5,30 0 0 * * *"),
        ("5/15 * * * * *", "5/15 * * * * *"),
        ("0 10-40/15 * * * *", "0 10-40/15 * * * *"),
        ("0 3-3 * * * *", "0 3 * * * *"),
        ("0 */5,7 * * * *", "0 */5,7 * * * *"),
        ("0 *,7 * * * *", "0 * * * * *"),
        ("@yearly", "0 0 0 1 1 *"),
        ("@annually", "0 0 0 1 1 *"),
        ("@monthly", "0 0 0 1 * *"),
        ("@weekly", "0 0 0 * * 0"),
        ("@daily", "0 0 0 * * *"),
        ("@midnight", "0 0 0 * * *"),
        ("@hourly", "0 0 * * * *"),
        ("@every 90s", "@every 1m30s"),
        ("@every 1h", "@every 1h0m0s"),
        ("@every 1.9s", "@every 1s"),
        ("CRON_TZ=Europe/Berlin 0 0 3 * * *", "CRON_TZ=Europe/Berlin 0 0 3 * * *"),
        (
            "50/9,50-59/9 5-59/3,5/3 20/3,20-23/3 29-31/2,29/2 10/2,10-12/2 *",
            "50-59/9,50/9 5-59/3,5/3 20-23/3,20/3 29-31/2,29/2 10-12/2,10/2 *",
        ),
        ("TZ=UTC @daily", "0 0 0 * * *"),
        ("TZ=Asia/Tokyo   @daily", "CRON_TZ=Asia/Tokyo 0 0 0 * * *"),
        ("CRON_TZ=Asia/Tokyo\t0 0 3 * * *", "CRON_TZ=Asia/Tokyo 0 0 3 * * *"),
        ("@every\t90s", "@every 1m30s"),
        ("@every 1.9999999s", "@every 1s"),
        ("0 0 0 * * 7", "0 0 0 * * 0"),
        ("0 0 0 * * 5-7", "0 0 0 * * 0,5-6"),
        ("0 0 0 * * 0-7", "0 0 0 * * 0-6"),
        ("0 0 0 * * 7-3", "0 0 0 * * 0-3"),
        ("0 0 0 * * 7-7", "0 0 0 * * 0"),
        ("0 0 0 * * 7/2", "0 0 0 * * 0/2"),
        ("0 0 0 * * 1-7/3", "0 0 0 * * 0-0/3,1-6/3"),
        ("0 0 0 * * fri-MON", "0 0 0 * * 0-1,5-6"),
        ("0 0 0 * * sat-sun", "0 0 0 * * 0,6"),
        ("0 0 22-2 * * *", "0 0 0-2,22-23 * * *"),
        ("0 0 22-3/2 * * *", "0 0 0-3/2,22-23/2 * * *"),
        ("50-10/25 0 0 * * *", "50-59/25 0 0 * * *"),
        ("0 0 0 25-5 nov-feb *", "0 0 0 1-5,25-31 1-2,11-12 *"),
        ("0 5-1 * * * *", "0 0-1,5-59 * * * *"),
        ("0 5-4 * * * *", "0 0-4,5-59 * * * *"),
    ],
)
def test_a_schedule_has_one_canonical_text_and_reads_it_back(written: str, canonical: str) -> None:
    schedule = parse(written)
    assert str(schedule) == canonical
    assert parse(canonical) == schedule
    assert hash(parse(canonical)) == hash(schedule)


def test_random_schedules_read_their_canonical_text_back() -> None:
    for seed in range(2000):
        random = Random(seed)
        schedule = parse(random_expression(random, wide=0.2), random_zone(random))
        assert parse(str(schedule)) == schedule, seed


def test_the_zone_is_an_argument_that_a_prefix_overrules() -> None:
    assert parse("@daily", "Asia/Tokyo").timezone == "Asia/Tokyo"
    assert parse("CRON_TZ=Europe/Berlin @daily", "Asia/Tokyo").timezone == "Europe/Berlin"
    assert parse("@daily").timezone == "UTC"
    assert parse("@daily", "Asia/Tokyo") != parse("@daily")


@pytest.mark.parametrize(
    ("text", "field", "told"),
    [
        ("60 * * * * *", "schedule: second", "60 is out of range; allowed is 0-59"),
        ("0 61 * * * *", "schedule: minute", "61 is out of range; allowed is 0-59"),
        ("0 0 24 * * *", "schedule: hour", "24 is out of range; allowed is 0-23"),
        ("0 0 0 0 * *", "schedule: day of month", "0 is out of range; allowed is 1-31"),
        ("0 0 0 32 * *", "schedule: day of month", "allowed is 1-31"),
        ("0 0 0 1 13 *", "schedule: month", "allowed is 1-12 or jan-dec"),
        ("0 0 0 1 0 *", "schedule: month", "allowed is 1-12 or jan-dec"),
        ("0 0 0 * FOO *", "schedule: month", "'FOO' is not a name or number of this field"),
        ("0 0 0 * * 8", "schedule: day of week", "8 is out of range; allowed is 0-7 or sun-sat"),
        ("0 0 24 * * *", "schedule: hour", "midnight is hour 0"),
        ("0 0 0 * * sunday", "schedule: day of week", "the name 'sunday' is written with three letters: SUN"),
        ("0 0 0 * * Monday-Friday", "schedule: day of week", "three letters: MON"),
        ("0 0 0 * * tues", "schedule: day of week", "three letters: TUE"),
        ("0 0 0 1 September *", "schedule: month", "three letters: SEP"),
        ("0 0 0 1 Monday *", "schedule: month", "'Monday' is not a name or number of this field"),
        ("0 jan 0 * * *", "schedule: minute", "'jan' is not a number of this field"),
        ("0 */0 * * * *", "schedule: minute", "the step '0' is not a whole number of 1 or more"),
        ("0 */ * * * *", "schedule: minute", "the step ''"),
        ("0 */x * * * *", "schedule: minute", "the step 'x'"),
        ("0 1/2/3 * * * *", "schedule: minute", "the step '2/3'"),
        ("0 1-2-3 * * * *", "schedule: minute", "'2-3' is not a number"),
        ("0 *-5 * * * *", "schedule: minute", "the range '*-5' has no beginning; write 0-5"),
        ("0 1,,2 * * * *", "schedule: minute", "an item of the list is empty; remove the comma"),
        ("0 1, * * * *", "schedule: minute", "an item of the list is empty; remove the comma"),
        ("0 , * * * *", "schedule: minute", "an item of the list is empty"),
        ("0 5- * * * *", "schedule: minute", "the range '5-' has no end; write 5-59"),
        ("0 -1 * * * *", "schedule: minute", "the range '-1' has no beginning; write 0-1"),
        ("0 0 0 -5 * *", "schedule: day of month", "the range '-5' has no beginning; write 1-5"),
        ("0 +1 * * * *", "schedule: minute", "'+1' is not a number"),
        ("0 1.5 * * * *", "schedule: minute", "'1.5' is not a number"),
        ("0 ٣ * * * *", "schedule: minute", "is not a number"),
        ("0 99999999999999999999 * * * *", "schedule: minute", "allowed is 0-59"),
        ("0 0 0 L * *", "schedule: day of month", "take 28-31 and let the task check the date"),
        ("0 0 0 L-3 * *", "schedule: day of month", "'L', a day counted from the end of the month, is not supported"),
        ("0 0 0 LW * *", "schedule: day of month", "'LW', a day counted from the end of the month"),
        ("0 0 0 * * 5L", "schedule: day of week", "'5L', the last such weekday of a month, is not supported; take"),
        ("0 L * * * *", "schedule: minute", "'L' is not a number of this field"),
        ("0 0 0 15W * *", "schedule: day of month", "is not supported; take the day itself, or MON-FRI"),
        ("0 0 0 * * 5#2", "schedule: day of week", "let the task check for a day from 8 to 14"),
        ("0 0 0 * * MON#1", "schedule: day of week", "let the task check for a day from 1 to 7"),
        ("H * * * * *", "schedule: second", "choose one yourself: allowed is 0-59"),
        ("0 0 0 30 2 *", "schedule: day of month", "no month of the month field '2' has such a day; allowed is 1-29"),
        ("0 0 0 31 4,6,9,11 *", "schedule: day of month", "allowed is 1-30 there"),
        ("* * * * *", "schedule", "has 5 fields; 6 are needed"),
        ("*/5 * * * *", "schedule", "'0 */5 * * * *' fires at second 0"),
        ("* * * *", "schedule", "has 4 fields"),
        ("0 0 0 1 1 * 2027", "schedule", "a year can't be given, '0 0 0 1 1 *' fires every year"),
        ("", "schedule", "it is empty"),
        ("   ", "schedule", "it is empty"),
        ("hourly", "schedule", "nor a descriptor such as @hourly"),
        ("@Hourly", "schedule", "written in lower case: @hourly"),
        ("@EVERY 5m", "schedule", "written in lower case: @every"),
        ("@fortnightly", "schedule", "not a descriptor; known are @yearly"),
        ("@daily at noon", "schedule", "not a descriptor"),
        ("@reboot", "schedule", "not a descriptor"),
        ("@every", "schedule: @every", "is not a duration"),
        ("@every 5", "schedule: @every", "is not a duration"),
        ("@every five minutes", "schedule: @every", "is not a duration"),
        ("@every \u0661h", "schedule: @every", "is not a duration"),
        ("@every 1\uff11m", "schedule: @every", "is not a duration"),
        ("@every 0s", "schedule: @every", "at least 1s"),
        ("@every 999ms", "schedule: @every", "at least 1s"),
        ("@every -5m", "schedule: @every", "at least 1s"),
        ("TZ=Mars/Olympus * * * * * *", "schedule: TZ", "'Mars/Olympus' is not an IANA time zone"),
        ("CRON_TZ=Local @daily", "schedule: CRON_TZ", "not an IANA time zone"),
        ("CRON_TZ= @daily", "schedule: CRON_TZ", "not an IANA time zone"),
        ("CRON_TZ=UTC", "schedule", "it is empty"),
        ("CRON_TZ=UTC TZ=Asia/Tokyo @daily", "schedule: TZ", "names a second time zone; one is allowed"),
        ("TZ=UTC CRON_TZ=UTC @daily", "schedule: CRON_TZ", "names a second time zone"),
        ("TZ=UTC TZ=UTC @daily", "schedule: TZ", "names a second time zone"),
        ("tz=UTC @daily", "schedule", "'tz=' is written in capitals: TZ="),
        ("* " * 600, "schedule", "longer than 1000 characters"),
    ],
)
def test_anything_else_is_refused_by_field_and_reason(text: str, field: str, told: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert caught.value.field == field
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "zone", ["", "Nowhere", "utc ", "../etc/passwd", "localtime", "Factory", "EST5EDT4", "+01:00"]
)
def test_a_zone_that_is_no_iana_name_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse("@daily", zone)
    assert caught.value.field == "timezone"


def test_a_date_that_either_day_field_allows_is_not_impossible() -> None:
    assert isinstance(parse("0 0 0 30 2 1"), Schedule)
