"""Recognises somebody else who refreshes the same logins.

A refresh token may change with each use. If two programs refresh the same login, the second one sends a
token that is dead by then, and go-falcon marks the login of the loser invalid. So this service does not refresh while
another refresher is at work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

TOKEN_LIFETIME = timedelta(minutes=20)
"""How long an access token of EVE lives. Source: eve-modules, section 1."""
STILL_AT_WORK = timedelta(minutes=30)
"""A refresher that wrote nothing for so long counts as stopped. go-falcon's runs every 15 minutes."""
SETTLING = timedelta(seconds=30)
"""What was written this soon after a takeover may be the last work of the refresher that was stopped for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The instants in a login's document that show who wrote its tokens; None for absent ones."""

    character_id: int
    token_expiry: datetime
    updated_at: datetime | None
    last_login: datetime | None
    refreshed_at: datetime | None
    """When this service refreshed it the last time."""
    refreshed_until: datetime | None
    """The expiry that this service wrote then."""

    @property
    def written_at(self) -> datetime:
        """When its tokens were written, as far as can be known: other fields may have been written since."""
        issued_at = self.token_expiry - TOKEN_LIFETIME
        return issued_at if self.updated_at is None else min(issued_at, self.updated_at)


def is_written_by_others(trace: Trace, now: datetime) -> bool:
    """Whether its tokens were written lately, and not by this service: by another refresher, or at a login."""
    return trace.written_at > now - STILL_AT_WORK and trace.refreshed_until != trace.token_expiry


def is_of_another_refresher(trace: Trace, now: datetime, taken_over_at: datetime | None) -> bool:
    """Whether somebody else refreshed this login lately: its tokens are not ours, and its owner did not log in.

    Args:
        trace: the instants of the document.
        now: the present.
        taken_over_at: since when the database is this service's; None when it always was. What was written before
            counts for nothing, and tokens that this service has never written count only if it is known.
    """
    if not is_written_by_others(trace, now):
        return False
    settled_at = None if taken_over_at is None else taken_over_at + SETTLING
    since = max((each for each in (trace.refreshed_at, settled_at) if each is not None), default=None)
    if since is None:
        return False
    return trace.written_at > since and (trace.last_login is None or trace.last_login < since)
