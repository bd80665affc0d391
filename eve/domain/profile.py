"""A character's login, and what EVE SSO gives for it. Tokens never show in a repr."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple


class Position(NamedTuple):
    """A place in the order in which tokens are refreshed."""

    token_expiry: datetime
    character_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One due document of `user_profiles`, as far as a refresh needs it.

    `key` and `version` are the store's own marks (document id; the refresh token as it rests) and mean nothing to
    others. `refresh_token` is None when it cannot be opened with the configured key.
    """

    key: object = field(repr=False)
    version: str = field(repr=False)
    claim: datetime | None = field(repr=False)
    """Until when some worker has it, as it was read."""
    character_id: int
    owner_hash: str = field(repr=False)
    """EVE's mark of the account that owned the character at login; empty when it was never kept."""
    token_expiry: datetime
    refresh_token: str | None = field(repr=False)

    @property
    def position(self) -> Position:
        """Its position in the order of refreshes."""
        return Position(self.token_expiry, self.character_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What SSO gives for a refresh token."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    """The token to use next time; None when SSO sent none, then the old one stays good."""
    expires_in: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose a verified access token is."""

    character_id: int
    owner_hash: str
    scopes: tuple[str, ...]
