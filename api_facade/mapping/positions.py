"""The place of a page in a list that is ordered by time and then by an id, as `next` and `after` name it."""

from __future__ import annotations

from datetime import UTC, datetime

from falcon_scheduler.api_facade.schemas.values import format_instant
from falcon_scheduler.core.errors import Invalid
from falcon_scheduler.core.ports import Position


def position_text(position: Position) -> str:
    """What `next` of a page is, and `after` of the following."""
    at, entry_id = position
    return f"{format_instant(at)}/{entry_id}"


def position_of(text: str | None) -> Position | None:
    """The place that `after` names. Raises `Invalid`."""
    if text is None:
        return None
    at, slash, entry_id = text.partition("/")
    try:
        instant = datetime.fromisoformat(at)
        in_utc = instant.astimezone(UTC) if instant.tzinfo is not None else None
    except (ValueError, OverflowError):
        in_utc = None
    if not slash or in_utc is None:
        raise Invalid.of("query.after", "must be the next of the page before")
    return in_utc, entry_id
