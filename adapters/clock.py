"""The only place that reads the system clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The present in UTC, in whole milliseconds, which is all that MongoDB and the API keep."""

    def now(self) -> datetime:
        """See `core.ports.Clock`."""
        instant = datetime.now(UTC)
        return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
