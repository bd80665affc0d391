"""Days from the text of an iCalendar file, as calendars of holidays have them. Source: RFC 5545.

A strict part of the format: events with whole days or times, that end or last, and that recur each year. What would
make other days than the file means is a fault with its line; alarms, zones and descriptions are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from falcon_scheduler.core.domain.calendars import CalendarDays, DayRange

LONGEST_TEXT = 200_000
MOST_EVENTS = 2000
RECURS_UNTIL = 10
"""Years after the present one up to which days that recur without an end are written out."""
_MOST_FAULTS = 10
_LONGEST_EVENT = 366
_DAY = timedelta(days=1)
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9-]+)(?P<parameters>(?:;[^:;=]+=(?:\"[^\"]*\"|[^:;\"]*))*):(?P<value>.*)", re.DOTALL
)
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d{6})Z?)?", re.ASCII)
_DURATION = re.compile(r"P(?:(\d{1,4})W|(?:(\d{1,4})D)?(?:T(?:\d{1,6}[HMS]){1,3})?)", re.ASCII)
_BY_DAY = re.compile(r"([+-]?[1-5])(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_RULE_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"}
_READ = {"DTSTART", "DTEND", "DURATION", "RRULE", "EXDATE", "RDATE", "RECURRENCE-ID", "STATUS"}


class ICalendarError(ValueError):
    """A text that can't be read; a sentence for each fault, with its line."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class _Fault(ValueError):
    """What is wrong with the value of a line."""


@dataclass(slots=True)
class _Event:
    line: int
    properties: dict[str, list[tuple[int, str]]] = field(default_factory=dict)


def days_of_icalendar(text: str, this_year: int) -> CalendarDays:
    """The days of all events. Raises `ICalendarError`.

    An event with times counts for each day that it touches, on the clock that it is written in. Those that recur
    without an end are written out until `RECURS_UNTIL` years from now.
    """
    faults: list[str] = []
    days: set[date] = set()
    ranges: set[tuple[date, date]] = set()
    for event in _events(text):
        try:
            for first, last in _spans(event, this_year + RECURS_UNTIL):
                if first == last:
                    days.add(first)
                else:
                    ranges.add((first, last))
        except _Fault as fault:
            faults.append(str(fault))
        if len(faults) == _MOST_FAULTS:
            break
    if faults:
        raise ICalendarError(faults)
    return CalendarDays(
        dates=tuple(sorted(days)), ranges=tuple(DayRange(first, last) for first, last in sorted(ranges))
    )


def _events(text: str) -> Iterator[_Event]:
    """The events of the one calendar that the text is."""
    open_parts: list[str] = []
    event: _Event | None = None
    number = 0
    for line, content in _unfolded(text):
        name, value = _property(line, content)
        if name == "BEGIN":
            open_parts.append(value.upper())
            if open_parts == ["VCALENDAR", "VEVENT"]:
                event, number = _Event(line), number + 1
        _check_parts(line, name, value, open_parts, number)
        if event is not None and name == "END" and open_parts == ["VCALENDAR", "VEVENT"]:
            yield event
            event = None
        elif event is not None and name in _READ and len(open_parts) == 2:
            event.properties.setdefault(name, []).append((line, value))
        if name == "END":
            open_parts.pop()
    if open_parts:
        raise ICalendarError([f"the text ends within {open_parts[-1]}"])


def _property(line: int, content: str) -> tuple[str, str]:
    match = _LINE.fullmatch(content)
    if match is None:
        raise ICalendarError([f"line {line}: is not NAME:value"])
    return match["name"].upper(), match["value"].strip()


def _check_parts(line: int, name: str, value: str, open_parts: Sequence[str], events: int) -> None:
    if not open_parts or open_parts[0] != "VCALENDAR":
        raise ICalendarError([f"line {line}: BEGIN:VCALENDAR is expected"])
    if name == "END" and open_parts[-1] != value.upper():
        raise ICalendarError([f"line {line}: END:{value[:40]} does not end {open_parts[-1]}, which is open"])
    if events > MOST_EVENTS:
        raise ICalendarError([f"line {line}: there are more than {MOST_EVENTS} events"])


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, with their numbers; one that begins with a space goes on with the line before."""
    number, content = 0, ""
    for position, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if line[:1] in {" ", "\t"} and content:
            content += line[1:]
            continue
        if content.strip():
            yield number, content
        number, content = position, line
    if content.strip():
        yield number, content


def _spans(event: _Event, last_year: int) -> Iterator[tuple[date, date]]:
    """The first and the last day of each occurrence of an event."""
    given = {name: values[0] for name, values in event.properties.items()}
    if given.get("STATUS", (0, ""))[1].upper() == "CANCELLED":
        return
    for name in ("RDATE", "RECURRENCE-ID"):
        if name in given:
            raise _Fault(f"line {given[name][0]}: {name} is not supported; write the days out as events")
    if "DTSTART" not in given:
        raise _Fault(f"line {event.line}: the event has no DTSTART")
    begin, _ = _date(*given["DTSTART"])
    length = _length(begin, given)
    left_out = {
        _date(line, each)[0] for line, value in event.properties.get("EXDATE", []) for each in value.split(",")
    }
    firsts = [begin] if "RRULE" not in given else _each_year(begin, *given["RRULE"], last_year)
    for first in firsts:
        if first not in left_out:
            yield first, first + length


def _length(begin: date, given: Mapping[str, tuple[int, str]]) -> timedelta:
    """How much later than its first day the last day of an event is."""
    line, last = 0, begin
    if "DTEND" in given:
        line = given["DTEND"][0]
        end, is_within = _date(*given["DTEND"])
        last = end if is_within else end - _DAY
    elif "DURATION" in given:
        line, value = given["DURATION"]
        match = _DURATION.fullmatch(value.removeprefix("+"))
        if match is None:
            raise _Fault(f"line {line}: DURATION {value[:40]} can't be read")
        days = int(match[1] or 0) * 7 + int(match[2] or 0)
        last = begin + _DAY * max(days - 1, 0)
    if last < begin:
        last = begin  # an event may end on the instant of its begin
    if last - begin > _LONGEST_EVENT * _DAY:
        raise _Fault(f"line {line}: the event is longer than {_LONGEST_EVENT} days")
    return last - begin


def _date(line: int, value: str) -> tuple[date, bool]:
    """The day of a date or a date with a time, and whether it has a time after midnight."""
    match = _DATE.fullmatch(value.strip())
    try:
        if match is not None:
            return date(int(match[1]), int(match[2]), int(match[3])), (match[4] or "000000") != "000000"
    except ValueError:
        pass
    raise _Fault(f"line {line}: {value[:40]!r} is not a date such as 20261225")


def _each_year(begin: date, line: int, value: str, last_year: int) -> list[date]:
    """The first days of an event that recurs each year, from its begin on."""
    rule = dict(part.upper().split("=", 1) for part in value.split(";") if "=" in part)
    if rule.get("FREQ") != "YEARLY" or not rule.keys() <= _RULE_PARTS:
        raise _Fault(
            f"line {line}: of recurring events only FREQ=YEARLY with INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY and "
            "BYDAY (such as -1MO) is supported; weekly ones are weekday windows here"
        )
    interval, count = _number(rule, "INTERVAL", line, 1), _number(rule, "COUNT", line, 0)
    until = _date(line, rule["UNTIL"])[0] if "UNTIL" in rule else date(last_year, 12, 31)
    found: list[date] = []
    for year in range(begin.year, min(until.year, last_year) + 1, interval):
        found += [each for each in _days_of_year(begin, rule, line, year) if begin <= each <= until]
    return found[:count] if count else found


def _days_of_year(begin: date, rule: Mapping[str, str], line: int, year: int) -> list[date]:
    months = _numbers(rule, "BYMONTH", line, 1, 12) or [begin.month]
    found: list[date] = []
    for month in months:
        if "BYDAY" in rule:
            if "BYMONTHDAY" in rule:
                raise _Fault(f"line {line}: BYDAY together with BYMONTHDAY is not supported")
            found += _weekdays_of_month(rule["BYDAY"], line, year, month)
            continue
        for day in _numbers(rule, "BYMONTHDAY", line, 1, 31) or [begin.day]:
            try:
                found.append(date(year, month, day))
            except ValueError:  # this month has no such day, so the event does not take place
                continue
    return sorted(found)


def _weekdays_of_month(value: str, line: int, year: int, month: int) -> Iterator[date]:
    for each in value.split(","):
        match = _BY_DAY.fullmatch(each)
        if match is None:
            raise _Fault(f"line {line}: BYDAY {each[:20]} is not one such as 1MO or -1MO")
        first = date(year, month, 1)
        days = [first + _DAY * number for number in range(31) if (first + _DAY * number).month == month]
        fitting = [day for day in days if day.weekday() == _WEEKDAYS.index(match[2])]
        place = int(match[1])
        if abs(place) <= len(fitting) and place:
            yield fitting[place - 1 if place > 0 else place]


def _number(rule: Mapping[str, str], name: str, line: int, otherwise: int) -> int:
    found = _numbers(rule, name, line, 1, 1000)
    return found[0] if found else otherwise


def _numbers(rule: Mapping[str, str], name: str, line: int, least: int, most: int) -> list[int]:
    texts = rule[name].split(",") if name in rule else []
    if any(not re.fullmatch(r"\d{1,4}", each, re.ASCII) or not least <= int(each) <= most for each in texts):
        raise _Fault(f"line {line}: {name} must be {least} to {most}")
    return [int(each) for each in texts]
