"""The event log: what changed lately, for those who watch. A hint that may lose entries: the stores are the truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Subject(StrEnum):
    """What a change is about."""

    TASK = "task"
    EXECUTION = "execution"
    ALERT = "alert"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something was created, changed or removed. `status` is the one after it, empty where there is none."""

    subject: Subject
    id: str
    task_id: str = ""
    status: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A happening with its position in the log. Positions grow."""

    position: str
    happening: Happening


class Announcer(Protocol):
    """Takes what has just been written to a store."""

    def announce(self, happening: Happening) -> None:
        """Pass it on soon. Never waits and never fails: the write itself is made in any case."""
        ...


class EventLog(Protocol):
    """What every process announced, in one order, as far back as the log reaches."""

    async def newest(self) -> str:
        """The position of the last entry; the beginning of the log when there is none."""
        ...

    async def after(self, position: str) -> Sequence[Recorded] | None:
        """All entries after a position. None when some of them are not kept any more.

        Raises:
            Unavailable
        """
        ...

    def follow(self, position: str) -> AsyncIterator[Sequence[Recorded]]:
        """Entries after a position, as they come, for ever. Each step gives at least one.

        Raises:
            Unavailable
        """
        ...
