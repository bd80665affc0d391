"""Lines of a crontab: five fields and a command, for one user or, as in /etc/crontab, with a user's name between.

Source: crontab(5) of cronie and of Debian's cron.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from falcon_scheduler.core.domain.conversion.lines import (
    BOTH_DAYS,
    FIVE,
    REPEATED_TIMES,
    SKIPPED_TIMES,
    Converted,
    below_unread_zone,
    converted,
    counted,
    keeps_rhythm,
    may_be_repeated,
    may_be_skipped,
    needs_both_in_classic_cron,
    unkept,
    zone_fault,
)

_VARIABLE = re.compile(r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_RANDOM = re.compile(r"(?P<low>[0-9]*)~(?P<high>[0-9]*)")
_USER_COLUMN = re.compile(r"#.*\buser(-?name)?\s+command\b", re.IGNORECASE)
_USER_FIRST = re.compile(r"(?P<user>[a-z_][a-z0-9_-]{0,31})\s+(?P<command>\S.*)")
_USERS_OF_THE_SYSTEM = {"root", "nobody", "www-data"}
_LIKE_A_PATH = tuple("/.~[(")
_VALUE = r"(?:\*|\?|[0-9]+|sun|mon|tue|wed|thu|fri|sat)"
_SIXTH_FIELD = re.compile(rf"{_VALUE}(?:[-/,#]{_VALUE})*(?=\s|$)", re.IGNORECASE)
_LIKE_SIX_FIELDS = (
    "the command begins with {command!r}: a crontab has five fields, the minute first; six with the second first are "
    "a schedule here as they are"
)
_DESCRIPTORS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_HIGHEST = ("59", "23", "28", "12", "6")
_LOWEST = ("0", "0", "1", "1", "0")


def from_crontab(lines: Iterable[str], timezone: str) -> Iterator[Converted]:
    """The jobs of a crontab. `CRON_TZ` holds for the lines below it; other variables are named as lost."""
    lost: list[str] = []
    unread, names_users = 0, False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            names_users = names_users or _USER_COLUMN.match(text) is not None
            continue
        variable = _VARIABLE.fullmatch(text)
        if variable is None:
            found = _job(number, text, timezone, lost, names_users=names_users)
            yield below_unread_zone(number, text, timezone, unread, found.command) if unread else found
        elif variable["name"] == "CRON_TZ":
            zone = variable["value"].strip().strip("\"'")
            if fault := zone_fault(zone):
                unread = number
                yield unkept(number, text, timezone, fault)
            else:
                timezone, unread = zone, 0
        else:
            lost.append(f"the variable {variable['name']} of line {number}, which the command may need")


def _job(number: int, text: str, timezone: str, lost: Iterable[str], *, names_users: bool) -> Converted:
    if text.startswith("@"):
        name, rest = [*text.split(maxsplit=1), ""][:2]
        command, notes = _command(rest, names_users=names_users)
        if name == "@reboot":
            problem = "it runs when the machine starts, which is no time; run the task by hand or by the API then"
            return unkept(number, text, timezone, problem, command=command)
        if name not in _DESCRIPTORS:
            return unkept(number, text, timezone, f"{name} is none of cron's names", command=command)
        return converted(number, text, name, timezone, command=command, notes=notes, lost=[*lost])
    if text.startswith("-"):
        lost = [*lost, "the - in front, which keeps cron from logging the run"]
    parts = text.removeprefix("-").split(maxsplit=FIVE)
    if len(parts) < FIVE:
        return unkept(number, text, timezone, f"it has {counted(parts)}; 5 and a command are needed")
    fields, command = parts[:FIVE], parts[FIVE] if len(parts) > FIVE else ""
    command, notes = _command(command, names_users=names_users)
    if looks_like_six := _SIXTH_FIELD.match(command):
        notes.append(_LIKE_SIX_FIELDS.format(command=looks_like_six[0]))
    if needs_both_in_classic_cron(fields):
        return unkept(number, text, timezone, BOTH_DAYS.format(program="cron"), command=command)
    if any("~" in each for each in fields):
        fields = [_RANDOM.sub(_as_drawn(place), each) for place, each in enumerate(fields)]
        notes.append("cron draws a random value anew at each start; H draws one by the task's id, for ever")
    found = converted(number, text, f"0 {' '.join(fields)}", timezone, command=command, notes=notes, lost=[*lost])
    return replace(found, notes=(*found.notes, *_clock_changes(found, fields)))


def _clock_changes(found: Converted, fields: list[str]) -> Iterator[str]:
    """What differs when the clock changes. Classic cron keeps the rhythm of a line whose minute or hour begins with a
    star."""
    if found.schedule is None or fields[0].startswith("*") or fields[1].startswith("*"):
        return
    if may_be_skipped(found.schedule):
        yield SKIPPED_TIMES
    if keeps_rhythm(found.schedule) and may_be_repeated(found.schedule):
        yield REPEATED_TIMES


def _command(text: str, *, names_users: bool) -> tuple[str, list[str]]:
    """The command without a user's name, and what is to be said of both.

    Args:
        names_users: whether a comment above names a column of users, as that of /etc/crontab does.
    """
    notes: list[str] = []
    found = _USER_FIRST.fullmatch(text)
    if found and (names_users or found["user"] in _USERS_OF_THE_SYSTEM or found["command"].startswith(_LIKE_A_PATH)):
        notes.append(f"{found['user']!r} is read as the user's name of a system crontab")
        text = found["command"]
    if "%" in text.replace("\\%", ""):
        notes.append("a % ends the command in cron, and what is behind it is the command's input")
    return text, notes


def _as_drawn(place: int) -> str:
    def drawn(found: re.Match[str]) -> str:
        return f"H({found['low'] or _LOWEST[place]}-{found['high'] or _HIGHEST[place]})"

    return drawn  # type: ignore[return-value]
