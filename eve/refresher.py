"""Another refresher of the EVE logins, as a run of the token refresh met it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRefresher:
    """What the latest run of the token refresh met."""

    character_id: int
    """The character of one of the logins that it refreshed."""
    seen_at: datetime


class OtherRefresherRecord(Protocol):
    """What the latest run of the token refresh found."""

    async def read(self) -> SeenRefresher | None:
        """None when it met nobody."""
        ...
