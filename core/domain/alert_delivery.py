"""A message about an alert to one channel: its attempts until it is delivered or given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

CLAIM = timedelta(seconds=60)
"""How long a delivery belongs to the process that sends it: longer than any channel may take."""
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)
_DELAY_GROWTH = 4


class AlertEvent(StrEnum):
    """What a message reports."""

    OPENED = "opened"
    RECOVERED = "recovered"
    TEST = "test"


class DeliveryState(StrEnum):
    """The result of sending a message to one channel."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one channel, and its progress."""

    event: AlertEvent
    channel: str
    wanted_at: datetime
    """When the message was created."""
    due_at: datetime
    """When the next attempt is due, while it is pending; until then it belongs to the process that claimed it."""
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    ended_at: datetime | None = None
    error: str = ""
    """Why the last attempt failed."""

    @property
    def identity(self) -> tuple[object, ...]:
        """Distinguishes one attempt from all others."""
        return self.event, self.channel, self.state, self.attempts

    @property
    def is_pending(self) -> bool:
        """Whether it still has to be sent."""
        return self.state is DeliveryState.PENDING


def delay_after(attempts: int) -> timedelta:
    """The pause after this many failed attempts."""
    growth: int = _DELAY_GROWTH ** min(max(attempts - 1, 0), 10)
    return min(FIRST_DELAY * growth, LONGEST_DELAY)


def wanted_delivery(event: AlertEvent, channel: str, at: datetime) -> Delivery:
    """A delivery whose first attempt is due at once."""
    return Delivery(event=event, channel=channel, wanted_at=at, due_at=at)
