"""The claims of a token, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from falcon_scheduler.core.errors import Unauthenticated

_LONGEST_USER_ID = 200
_LARGEST_ID = 2**63 - 1

BAD_TOKEN = "Invalid authentication token"  # noqa: S105 - a message


@dataclass(frozen=True, slots=True)
class Claims:
    """The caller according to the token. `is_super_admin` is true only in a token signed with our own key."""

    user_id: str
    character_id: int
    expires_at: datetime
    character_name: str = ""
    is_super_admin: bool = False


def read_claims(payload: Mapping[str, Any], *, ours: bool) -> Claims:
    """Read a verified payload.

    Raises:
        Unauthenticated: the user id is empty or the character id is no positive integer.
    """
    user_id, character_id = payload.get("user_id"), payload.get("character_id")
    if not isinstance(user_id, str) or not user_id.strip() or len(user_id) > _LONGEST_USER_ID:
        raise Unauthenticated(BAD_TOKEN)
    if not user_id.isprintable():
        raise Unauthenticated(BAD_TOKEN)
    if not isinstance(character_id, int) or isinstance(character_id, bool) or not 0 < character_id <= _LARGEST_ID:
        raise Unauthenticated(BAD_TOKEN)
    name = payload.get("character_name")
    return Claims(
        user_id=user_id,
        character_id=character_id,
        expires_at=_instant(payload.get("exp")),
        character_name=name if isinstance(name, str) else "",
        is_super_admin=ours and payload.get("super_admin") is True,
    )


def _instant(seconds: object) -> datetime:
    """When a token expires. A number beyond the calendar, which a provider may sign, is its end."""
    try:
        return datetime.fromtimestamp(float(seconds), UTC)  # type: ignore[arg-type] # whatever it is, it may fail
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)
