"""Where calendars live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from falcon_scheduler.core.domain.calendars import CalendarDays, CalendarVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A calendar in its latest version. `updated_at` is since when that version is in force."""

    latest: CalendarVersion
    description: str
    created_at: datetime
    updated_at: datetime
    created_by: str
    updated_by: str
    is_deleted: bool = False

    @property
    def name(self) -> str:
        """Its name, which never changes."""
        return self.latest.name

    @property
    def version(self) -> int:
        """The number of its latest version, from 1."""
        return self.latest.version

    @property
    def days(self) -> CalendarDays:
        """The days of its latest version."""
        return self.latest.days


class CalendarStore(Protocol):
    """Where calendars live."""

    async def find(self, name: str) -> Calendar | None:
        """The calendar of this name, also one that is deleted."""
        ...

    async def all(self) -> Sequence[Calendar]:
        """All calendars that are not deleted, by name."""
        ...

    async def versions(self) -> Mapping[str, int]:
        """The latest version of each calendar that is not deleted, by name."""
        ...

    async def add(self, calendar: Calendar) -> bool:
        """Store a new calendar. Returns False if there is or was one of this name."""
        ...

    async def replace(self, calendar: Calendar, *, version: int) -> bool:
        """Store a calendar if the stored one is at this version. Returns whether it was."""
        ...
