"""The place of a page in a list that is ordered by time and then by task, as `next` and `after` name it."""

from __future__ import annotations

from datetime import datetime

from falcon_scheduler.api_facade.schemas.values import format_instant
from falcon_scheduler.core.errors import Invalid

Position = tuple[datetime, str]


def position_text(position: Position) -> str:
    """What `next` of a page is, and `after` of the following."""
    at, task_id = position
    return f"{format_instant(at)}/{task_id}"


def position_of(text: str | None) -> Position | None:
    """The place that `after` names. Raises `Invalid`."""
    if text is None:
        return None
    at, slash, task_id = text.partition("/")
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        instant = None
    if not slash or instant is None or instant.tzinfo is None:
        raise Invalid.of("query.after", "must be the next of the page before")
    return instant, task_id
