"""The schedule of a Jenkins job: lines of five fields with `H`, comments, and a zone in the first line.

Source: Jenkins, "Cron syntax", and `hudson.scheduler.CronTab`, which wants both day fields to fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from falcon_scheduler.core.domain.conversion.lines import (
    BOTH_DAYS,
    FIVE,
    Converted,
    below_unread_zone,
    converted,
    counted,
    keeps_rhythm,
    may_be_repeated,
    restricts,
    unkept,
    zone_fault,
)

_ALIASES = {
    "@yearly": "H H H H *",
    "@annually": "H H H H *",
    "@monthly": "H H H * *",
    "@weekly": "H H * * H",
    "@daily": "H H * * *",
    "@midnight": "H H(0-2) * * *",
    "@hourly": "H * * * *",
}
_DRAWN = "H is drawn by the task's id here, and by the job's name in Jenkins, so the values differ"
_REPEATED = "Jenkins runs a fixed time that the clock shows twice both times; here it runs once, the first time"


def from_jenkins(lines: Iterable[str], timezone: str) -> Iterator[Converted]:
    """The lines of one job's schedule."""
    unread = 0
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        if text.startswith("TZ="):
            zone = text.removeprefix("TZ=").strip()
            if fault := zone_fault(zone):
                unread = number
                yield unkept(number, text, timezone, fault)
            else:
                timezone, unread = zone, 0
        elif unread:
            yield below_unread_zone(number, text, timezone, unread)
        else:
            yield _line(number, text, timezone)


def _line(number: int, text: str, timezone: str) -> Converted:
    fields = _ALIASES.get(text, text).split()
    if len(fields) != FIVE:
        return unkept(number, text, timezone, f"it has {counted(fields)}; Jenkins has 5")
    if restricts(fields[2]) and restricts(fields[4]):
        return unkept(number, text, timezone, BOTH_DAYS.format(program="Jenkins"))
    notes = [_DRAWN] if any("H" in each for each in fields) else []
    found = converted(number, text, f"0 {' '.join(fields)}", timezone, notes=notes)
    if found.schedule is not None and not keeps_rhythm(found.schedule) and may_be_repeated(found.schedule):
        return replace(found, notes=(*found.notes, _REPEATED))
    return found
