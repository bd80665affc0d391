"""Which texts are schedules, and the errors of the others."""

from __future__ import annotations

import re
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
        # What robfig/cron reads, as it reads it: signs, empty items, and any text behind a star.
        ("0 +5 +1-+3/+2 * * *", "0 5 1-3/2 * * *"),
        ("0 1,,2 0, * * *", "0 1,2 0 * * *"),
        ("0 *-5 ?-x/3 * * *", "0 * */3 * * *"),
        ("0 0 0 l,L-0,l-3,lw,01W * *", "0 0 0 L,L-3,LW,1W * *"),
        ("0 0 0 7,L * *", "0 0 0 7,L * *"),
        ("0 0 0 *,L * *", "0 0 0 * * *"),
        ("0 0 0 * * fril,7L,SUN#1,mon", "0 0 0 * * 1,0#1,0L,5L"),
        ("0 h H(9-17) H * H", "0 H H(9-17) H * H"),
        ("0 H/15 H(0-12)/3 * * *", "0 H/15 H(0-12)/3 * * *"),
        ("@every 90m from 06:00", "@every 1h30m0s from 06:00:00"),
        ("@every 24h from 06:00:30", "@every 24h0m0s from 06:00:30"),
        ("@every 2w from 2026-01-05 09:00", "@every 2w from 2026-01-05T09:00:00"),
        ("@every 21d from 2026-01-05T09:00", "@every 3w from 2026-01-05T09:00:00"),
        ("@every 3d from 2026-01-05T09:00:00+01:00", "@every 3d from 2026-01-05T08:00:00"),
        ("@every 90m from 2026-01-05T09:00:00+01:00", "@every 1h30m0s from 2026-01-05T08:00:00Z"),
        ("@at 2026-12-24T18:00:00+01:00", "@at 2026-12-24T17:00:00Z"),
        ("TZ=Europe/Berlin @at 2026-12-24T18:00", "CRON_TZ=Europe/Berlin @at 2026-12-24T17:00:00Z"),
        ("TZ=Europe/Berlin @at 2026-10-25T02:30", "CRON_TZ=Europe/Berlin @at 2026-10-25T00:30:00Z"),
        ("@daily;@hourly ; @daily", "0 0 0 * * *; 0 0 * * * *"),
        (
            "@daily; TZ=Asia/Tokyo @hourly; @weekly; TZ=UTC @monthly",
            "0 0 0 * * *; CRON_TZ=Asia/Tokyo 0 0 * * * *; 0 0 0 * * 0; CRON_TZ=UTC 0 0 0 1 * *",
        ),
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
        ("0 5- * * * *", "schedule: minute", "the range '5-' has no end; write 5-59"),
        ("0 -1 * * * *", "schedule: minute", "the range '-1' has no beginning; write 0-1"),
        ("0 -* * * * *", "schedule: minute", "the range '-*' has no beginning; write 0-59"),
        ("0 -99 * * * *", "schedule: minute", "the range '-99' has no beginning; write 0-59"),
        ("0 0 0 * * -fri", "schedule: day of week", "the range '-fri' has no beginning; write 0-fri"),
        ("0 0 0 * * -foo", "schedule: day of week", "the range '-foo' has no beginning; write 0-6"),
        ("0 0 0 * foo- *", "schedule: month", "the range 'foo-' has no end; write 1-12"),
        ("0 0 0 -5 * *", "schedule: day of month", "the range '-5' has no beginning; write 1-5"),
        ("0 , * * * *", "schedule: minute", "minute field ',': it names no value"),
        ("0 /5 * * * *", "schedule: minute", "the value before the step is missing; write 0 or *"),
        ("0 5,61,7 * * * *", "schedule: minute", "minute field '5,61,7', item '61': 61 is out of range"),
        ("0 L * * * *", "schedule: minute", "which the day of month field alone knows"),
        ("0 0 0 L-31 * *", "schedule: day of month", "write L, L-1 to L-30 or LW"),
        ("0 0 0 L-3W * *", "schedule: day of month", "write L, L-1 to L-30 or LW"),
        ("0 0 0 L-30 2 *", "schedule: day of month", "no month of the month field '2' has such a day"),
        ("0 0 0 32W * *", "schedule: day of month", "write 1W to 31W"),
        ("0 0 0 0W * *", "schedule: day of month", "write 1W to 31W"),
        ("0 0 0 31W 4 *", "schedule: day of month", "has such a day; allowed is 1-30 there"),
        ("0 0 0 FRIL * *", "schedule: day of month", "belongs into the day of week field"),
        ("0 0 0 MON#2 * *", "schedule: day of month", "belongs into the day of week field"),
        ("0 0 0 * * L", "schedule: day of week", "5L or FRIL is the last Friday"),
        ("0 0 0 * * 8L", "schedule: day of week", "write 0L to 6L or SUNL to SATL"),
        ("0 0 0 * * 15W", "schedule: day of week", "belongs into the day of month field"),
        ("0 0 0 * * LW", "schedule: day of week", "belongs into the day of month field"),
        ("0 0 0 * * MON#6", "schedule: day of week", "MON#2 is the second Monday"),
        ("0 0 0 * * MON#", "schedule: day of week", "MON#2 is the second Monday"),
        ("0 0 0 * * MOM", "schedule: day of week", "allowed is 0-7 or sun-sat; did you mean MON?"),
        ("H(5-70) * * * * *", "schedule: second", "draws from no range of this field; allowed is H(0-59)"),
        ("0 H(30-20) * * * *", "schedule: minute", "draws from no range of this field"),
        ("0 0 0 H(20-31) * *", "schedule: day of month", "allowed is H(1-28)"),
        ("0 H-5 * * * *", "schedule: minute", "is not written as H, H(2-5), H/3 or H(2-5)/3"),
        ("0 H() * * * *", "schedule: minute", "is not written as H"),
        ("0 H/0 * * * *", "schedule: minute", "the step '0'"),
        ("0 1.5 * * * *", "schedule: minute", "'1.5' is not a number"),
        ("0 ٣ * * * *", "schedule: minute", "is not a number"),
        ("0 99999999999999999999 * * * *", "schedule: minute", "allowed is 0-59"),
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
        ("@dayly", "schedule", "did you mean @daily?"),
        ("@reboot", "schedule", "names no time"),
        ("@every 7h from 06:00", "schedule: @every", "name a first day as well: '@every 7h from 2026-01-05T06:00'"),
        ("@every 90s from 06:00", "schedule: @every", "does not divide a day into whole minutes"),
        ("@every 48h from 06:00", "schedule: @every", "name a first day as well"),
        ("@every 90m from 6:00", "schedule: @every", "or of a time of the day such as 06:00"),
        ("@every 90m from 24:00", "schedule: @every", "or of a time of the day such as 06:00"),
        ("@every 90m at 06:00", "schedule: @every", "is not a duration"),
        ("@every 2w", "schedule: @every", "name it: '@every 2w from 2026-01-05T09:00'"),
        ("@every 2d from 06:00", "schedule: @every", "name it: '@every 2d from 2026-01-05T06:00'"),
        ("@every 0w from 2026-01-05T09:00", "schedule: @every", "at least 1d"),
        ("@every 2w from 1900-01-05T09:00", "schedule: @every", "outside of the years 1970 to 9000"),
        ("@at", "schedule: @at", "it is of the form 2026-01-05T09:00:00+01:00"),
        ("@at tomorrow", "schedule: @at", "'tomorrow' is no instant"),
        ("@at 2026-02-30T10:00:00Z", "schedule: @at", "day is out of range for month"),
        ("@at 2026-12-24", "schedule: @at", "is no instant"),
        ("@at 2026-12-24T10:00:00.5Z", "schedule: @at", "is no instant"),
        ("TZ=Europe/Berlin @at 2026-03-29T02:30", "schedule: @at", "skip '2026-03-29T02:30'; give it with an offset"),
        ("@AT 2026-12-24T10:00:00Z", "schedule", "written in lower case: @at"),
        ("@daily;", "schedule", "schedule 2 of 2: it is empty"),
        ("@daily; 0 0 25 * * *", "schedule: hour", "schedule 2 of 2: hour field '25'"),
        (";".join(["@daily"] * 21), "schedule", "at most 20 are allowed"),
        ("TZ=Europe/Berln @daily", "schedule: TZ", "did you mean Europe/Berlin?"),
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


def test_a_zone_in_front_holds_for_the_schedules_behind_it_until_another_is_named() -> None:
    schedule = parse("@daily; TZ=Asia/Tokyo @daily; @hourly; TZ=UTC @hourly", "Europe/Berlin")
    assert [clause.timezone for clause in schedule.clauses] == ["Europe/Berlin", "Asia/Tokyo", "Asia/Tokyo", "UTC"]


@pytest.mark.parametrize(
    ("task_id", "expected"),
    [
        ("7f6c2f4e-0a57-4a0b-9d53-2f8f5a0f4b11", "55 38 9 9 3 6"),
        ("system-token-refresh", "58 52 14 22 2 0"),
        ("", "35 25 17 20 2 4"),
    ],
)
def test_a_tasks_id_draws_the_same_values_for_ever(task_id: str, expected: str) -> None:
    """Values as recorded: another process, machine or version must draw them too, or tasks would move."""
    [clause] = parse("H H H(9-17) H H H", task_id=task_id).clauses
    [timetable] = clause.timetables
    fields = (timetable.second, timetable.minute, timetable.hour, timetable.day_of_month, timetable.month)
    assert " ".join(str(each.values.bit_length() - 1) for each in (*fields, timetable.day_of_week)) == expected


def test_drawn_values_spread_over_the_field_and_stay_within_what_was_asked() -> None:
    minutes, hours, dates = set(), set(), set()
    for number in range(2000):
        [timetable] = parse("0 H H(9-17) H * *", task_id=f"task {number}").clauses[0].timetables
        minutes.add(timetable.minute.values.bit_length() - 1)
        hours.add(timetable.hour.values.bit_length() - 1)
        dates.add(timetable.day_of_month.values.bit_length() - 1)
    assert (minutes, hours, dates) == ({*range(60)}, {*range(9, 18)}, {*range(1, 29)})


def test_a_drawn_step_begins_within_one_step_and_goes_on_to_the_end_of_its_range() -> None:
    for number in range(300):
        [timetable] = parse("0 H/15 H(6-18)/4 * * *", task_id=f"task {number}").clauses[0].timetables
        minutes = [value for value in range(60) if timetable.minute.values >> value & 1]
        hours = [value for value in range(24) if timetable.hour.values >> value & 1]
        assert (minutes, minutes[0] < 15) == ([*range(minutes[0], 60, 15)], True)
        assert (hours, 6 <= hours[0] < 10) == ([*range(hours[0], 19, 4)], True)


PROPOSALS = re.compile(r"did you mean ([^?]+)\?|: '(@every [^']+)'|: '([^']+)' fires at second 0")


def test_what_an_error_proposes_can_be_read() -> None:
    wrong = [
        "@dayly",
        "@evry 5m",
        "@every 7h from 06:00",
        "@every 2w",
        "@every 3d from 07:30",
        "*/5 * * * *",
        "5 4 L * *",
    ]
    for text in wrong:
        with pytest.raises(ScheduleError) as caught:
            parse(text)
        found = PROPOSALS.search(str(caught.value))
        assert found, text
        proposal = next(each for each in found.groups() if each)
        parse("@every 5m" if proposal == "@every" else proposal)


def test_a_text_that_is_several_schedules_too_many_or_too_long_is_refused_at_once() -> None:
    with pytest.raises(ScheduleError):
        parse(";" * 999)
