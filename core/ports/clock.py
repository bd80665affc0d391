"""The time of day."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The present. The only place from which the product takes the time of day."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...
