"""Calendars in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falcon_scheduler.core.ports.calendars import Calendar


class MemoryCalendarStore:
    """See `core.ports.calendars.CalendarStore`."""

    def __init__(self) -> None:
        self.rows: dict[str, Calendar] = {}

    async def find(self, name: str) -> Calendar | None:
        return self.rows.get(name)

    async def all(self) -> Sequence[Calendar]:
        return [self.rows[name] for name in sorted(self.rows) if not self.rows[name].is_deleted]

    async def versions(self) -> Mapping[str, int]:
        return {each.name: each.version for each in await self.all()}

    async def add(self, calendar: Calendar) -> bool:
        return self.rows.setdefault(calendar.name, calendar) is calendar

    async def replace(self, calendar: Calendar, *, version: int) -> bool:
        present = self.rows.get(calendar.name)
        if present is None or present.version != version:
            return False
        self.rows[calendar.name] = calendar
        return True
