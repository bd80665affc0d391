"""Schedules of other programs as schedules of this one. `convert` is the way in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from falcon_scheduler.core.domain.conversion.crontab import from_crontab
from falcon_scheduler.core.domain.conversion.github import from_github
from falcon_scheduler.core.domain.conversion.jenkins import from_jenkins
from falcon_scheduler.core.domain.conversion.lines import Converted
from falcon_scheduler.core.domain.conversion.quartz import from_quartz

__all__ = ["MOST_LINES", "Converted", "Program", "convert"]

MOST_LINES = 200


class Program(StrEnum):
    """Whose schedules are read."""

    CRONTAB = "crontab"
    QUARTZ = "quartz"
    JENKINS = "jenkins"
    GITHUB = "github"


_READERS: dict[Program, Callable[[Iterable[str], str], Iterator[Converted]]] = {
    Program.CRONTAB: from_crontab,
    Program.QUARTZ: from_quartz,
    Program.JENKINS: from_jenkins,
    Program.GITHUB: from_github,
}


def convert(program: Program, text: str, timezone: str) -> list[Converted]:
    """What each schedule of the text amounts to here, in the order of its lines.

    Args:
        program: which program's text it is.
        text: its lines; what is no schedule, such as a comment, is left out.
        timezone: IANA name of the zone that the program runs in, unless the text or the program says otherwise.
    """
    return [*_READERS[program](text.splitlines()[: MOST_LINES + 1], timezone)]
