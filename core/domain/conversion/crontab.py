"""Lines of a crontab: five fields and a command, for one user or, as in /etc/crontab, with a user's name between.

Source: crontab(5) of cronie and of Debian's cron.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from falcon_scheduler.core.domain.conversion.lines import (
    BOTH_DAYS,
    FIVE,
    SKIPPED_TIMES,
    Converted,
    below_unread_zone,
    converted,
    counted,
    may_be_skipped,
    needs_both_in_classic_cron,
    unkept,
    zone_fault,
)

_VARIABLE = re.compile(r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_RANDOM = re.compile(r"(?P<low>[0-9]*)~(?P<high>[0-9]*)")
_USER_AND_PATH = re.compile(r"(?P<user>[a-z_][a-z0-9_-]{0,31})\s+(?P<command>[/.~\[(]\S*.*)")
_DESCRIPTORS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_HIGHEST = ("59", "23", "28", "12", "6")
_LOWEST = ("0", "0", "1", "1", "0")


def from_crontab(lines: Iterable[str], timezone: str) -> Iterator[Converted]:
    """The jobs of a crontab. `CRON_TZ` holds for the lines below it; other variables are named as lost."""
    lost: list[str] = []
    unread = 0
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        variable = _VARIABLE.fullmatch(text)
        if variable is None:
            found = _job(number, text, timezone, lost)
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


def _job(number: int, text: str, timezone: str, lost: Iterable[str]) -> Converted:
    if text.startswith("@"):
        name, _, rest = text.partition(" ")
        command, notes = _command(rest.strip())
        if name == "@reboot":
            problem = "it runs when the machine starts, which is no time; run the task by hand or by the API then"
            return unkept(number, text, timezone, problem, command=command)
        if name not in _DESCRIPTORS:
            return unkept(number, text, timezone, f"{name} is none of cron's names", command=command)
        return converted(number, text, name, timezone, command=command, notes=notes, lost=[*lost])
    parts = text.split(maxsplit=FIVE)
    if len(parts) < FIVE:
        return unkept(number, text, timezone, f"it has {counted(parts)}; 5 and a command are needed")
    fields, command = parts[:FIVE], parts[FIVE] if len(parts) > FIVE else ""
    command, notes = _command(command)
    if needs_both_in_classic_cron(fields):
        return unkept(number, text, timezone, BOTH_DAYS.format(program="cron"), command=command)
    if any("~" in each for each in fields):
        fields = [_RANDOM.sub(_as_drawn(place), each) for place, each in enumerate(fields)]
        notes.append("cron draws a random value anew at each start; H draws one by the task's id, for ever")
    found = converted(number, text, f"0 {' '.join(fields)}", timezone, command=command, notes=notes, lost=[*lost])
    if may_be_skipped(found):
        return converted(
            number,
            text,
            f"0 {' '.join(fields)}",
            timezone,
            command=command,
            notes=[*notes, SKIPPED_TIMES],
            lost=[*lost],
        )
    return found


def _command(text: str) -> tuple[str, list[str]]:
    """The command without a user's name, and what is to be said of both."""
    notes: list[str] = []
    if found := _USER_AND_PATH.fullmatch(text):
        notes.append(f"{found['user']!r} is read as the user's name of a system crontab")
        text = found["command"]
    if "%" in text.replace("\\%", ""):
        notes.append("a % ends the command in cron, and what is behind it is the command's input")
    return text, notes


def _as_drawn(place: int) -> str:
    def drawn(found: re.Match[str]) -> str:
        return f"H({found['low'] or _LOWEST[place]}-{found['high'] or _HIGHEST[place]})"

    return drawn  # type: ignore[return-value]
