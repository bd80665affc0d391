"""Schedules that begin with an @: names for six fields, `@every` with and without a phase, and `@at`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.hints import nearest_to
from falcon_scheduler.core.domain.cron.timetable import parse_timetable
from falcon_scheduler.core.domain.cron.timings import AT, EVERY, At, Every, EveryDays, Timing, daily, instant_of
from falcon_scheduler.core.domain.duration import parse_nanoseconds

_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_PHASE = re.compile(r"(?P<length>\S+)(?:\s+(?P<preposition>\S+)\s+(?P<phase>\S.*))?", re.DOTALL)
_DAYS = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[dw])")
_CLOCK = re.compile(r"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-5][0-9]))?")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?", re.IGNORECASE
)
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_SECOND_IN_NANOSECONDS = 10**9
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)
_EXAMPLE = "2026-01-05T09:00"


def parse_descriptor(text: str, zone: str) -> Timing:
    """Read a schedule that begins with an @; times of the clock are those of the zone.

    Raises:
        ScheduleError: it is none, or what follows the name can't be read.
    """
    name, *rest = text.split(maxsplit=1)
    if name == EVERY:
        return _parse_every("".join(rest), zone)
    if name == AT:
        return At(_moment("".join(rest), zone, AT))
    if text not in _DESCRIPTORS:
        raise ScheduleError("schedule", _unknown(text, name))
    return parse_timetable(_DESCRIPTORS[text])


def _unknown(text: str, name: str) -> str:
    if name == "@reboot":
        return f"{text!r} names no time; a task that is to run once runs at {AT} with an instant, or is run by hand"
    if name.lower() in {*_DESCRIPTORS, EVERY, AT} and name != name.lower():
        return f"the descriptor {name!r} is written in lower case: {name.lower()}"
    known = ", ".join([*_DESCRIPTORS, f"{EVERY} <duration>", f"{AT} <instant>"])
    return f"{text!r} is not a descriptor; known are {known}{nearest_to(name, [*_DESCRIPTORS, EVERY, AT])}"


def _parse_every(text: str, zone: str) -> Timing:
    found = _PHASE.fullmatch(text)
    length, phase = (found["length"], found["phase"]) if found else (text, None)
    if found and found["preposition"] not in {None, "from"}:
        length, phase = text, None  # no phase: the whole is no duration then, and the message quotes it
    if days := _DAYS.fullmatch(length):
        return _every_days(days, phase, zone)
    interval = _interval(length)
    if phase is None:
        return Every(interval)
    if clock := _CLOCK.fullmatch(phase):
        phase_at = time(int(clock["hour"]), int(clock["minute"]), int(clock["second"] or 0))
        return _daily(length, interval, phase_at)
    return Every(interval, _moment(phase, zone, EVERY))


def _interval(text: str) -> timedelta:
    try:
        length = parse_nanoseconds(text)
    except ValueError as error:
        raise ScheduleError(f"schedule: {EVERY}", f"{EVERY}: {error}") from error
    seconds = length // _SECOND_IN_NANOSECONDS
    if seconds < 1:
        raise ScheduleError(f"schedule: {EVERY}", f"{EVERY}: {text!r} is too short; at least 1s is allowed")
    return timedelta(seconds=seconds)


def _daily(text: str, interval: timedelta, phase: time) -> Timing:
    if _DAY % interval or (interval % _MINUTE and _MINUTE % interval):
        raise ScheduleError(
            f"schedule: {EVERY}",
            f"{EVERY}: {text!r} does not divide a day into whole minutes, so it can't begin anew at {phase:%H:%M} "
            f"each day; name a first day as well: '{EVERY} {text} from {_EXAMPLE[:11]}{phase:%H:%M}'",
        )
    return daily(interval, phase)


def _every_days(found: re.Match[str], phase: str | None, zone: str) -> Timing:
    count = int(found["count"])
    if count < 1:
        raise ScheduleError(f"schedule: {EVERY}", f"{EVERY}: {found[0]!r} is too short; at least 1d is allowed")
    if phase is None or _CLOCK.fullmatch(phase):
        first = f"{_EXAMPLE[:11]}{phase}" if phase else _EXAMPLE
        raise ScheduleError(
            f"schedule: {EVERY}",
            f"{EVERY}: days and weeks are counted from a first run; name it: '{EVERY} {found[0]} from {first}'",
        )
    moment = _read(phase, EVERY)
    if moment.tzinfo is not None:
        moment = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return EveryDays(count * (7 if found["unit"] == "w" else 1), moment)


def _moment(text: str, zone: str, descriptor: str) -> datetime:
    """An instant in naive UTC. Without an offset it is read on the zone's clock."""
    moment = _read(text, descriptor)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).replace(tzinfo=None)
    instant = instant_of(moment, zone)
    if instant is None:
        raise ScheduleError(
            f"schedule: {descriptor}", f"{descriptor}: the clocks of {zone} skip {text!r}; give it with an offset"
        )
    return instant


def _read(text: str, descriptor: str) -> datetime:
    problem = "is no instant"
    if _MOMENT.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text.upper())
        except ValueError as error:
            problem = f"is no instant ({error})"
        else:
            if _FIRST_YEAR <= moment.year <= _LAST_YEAR:
                return moment
            problem = f"lies outside of the years {_FIRST_YEAR} to {_LAST_YEAR}"
    clock = ", or of a time of the day such as 06:00" if descriptor == EVERY else ""
    raise ScheduleError(
        f"schedule: {descriptor}",
        f"{descriptor}: {text!r} {problem}; it is of the form {_EXAMPLE}:00+01:00, or {_EXAMPLE} on the clock of the "
        f"schedule's zone{clock}",
    )
