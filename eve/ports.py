"""What the modules need of the world: ESI, EVE SSO, one store per collection, and the record of another refresher.

Every method may raise `core.errors.Unavailable` (its part is away). Reading and writing are repeatable: a write that
was made twice leaves what one would.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from falcon_scheduler.eve.domain.affiliation import Affiliation, AffiliationChange, StalePage
from falcon_scheduler.eve.domain.entity import Entity, EntityChange, StoredEntity, WriteCounts
from falcon_scheduler.eve.domain.profile import Grant, Identity, Position, Profile


class Source(StrEnum):
    """Where an answer came from."""

    FETCHED = "fetched"
    NOT_MODIFIED = "not_modified"
    """ESI answered 304: the cached answer is still valid."""
    CACHED = "cached"
    """No request was sent, since the last answer is still valid."""


class Answer(NamedTuple):
    """One entity as ESI has it now."""

    entity: Entity
    source: Source


class EsiGateway(Protocol):
    """ESI, all waits and retries included.

    Raises:
        EsiRefused: for good.
        EsiUnavailable: for now.
        EsiUnreadable: the body violates the specification.
    """

    async def alliance_ids(self) -> Sequence[int]:
        """The ids of all active alliances."""
        ...

    async def alliance(self, alliance_id: int, delay: timedelta = timedelta()) -> Answer:
        """One alliance; waits `delay` before a request, if one is needed."""
        ...

    async def corporation(self, corporation_id: int, delay: timedelta = timedelta()) -> Answer:
        """One corporation; waits `delay` before a request, if one is needed."""
        ...

    async def affiliations(self, character_ids: Sequence[int]) -> Sequence[Affiliation]:
        """Where up to 1000 different characters belong; ids that ESI no longer has are missing from the answer."""
        ...

    async def spare_errors(self, at_least: int) -> None:
        """Wait until ESI lets us make so many more errors in this window."""
        ...


class Sso(Protocol):
    """EVE SSO."""

    async def prepare(self) -> None:
        """Learn the endpoints and signing keys, so that no token is sent before we can verify what comes back.

        Raises:
            EveMisconfigured, SsoUnavailable
        """
        ...

    async def exchange(self, refresh_token: str) -> Grant:
        """Trade a refresh token for an access token.

        Raises:
            GrantRejected: the token is dead.
            EveMisconfigured: SSO does not accept us as a client.
            SsoUnavailable: for now.
        """
        ...

    async def identify(self, access_token: str) -> Identity:
        """Verify an access token and return its character.

        Raises:
            TokenNotGenuine, SsoUnavailable
        """
        ...


class ProfileStore(Protocol):
    """`user_profiles`. Refresh tokens go in and come out in the clear; how they rest is the store's business."""

    async def due(self, before: datetime, after: Position | None, limit: int) -> Sequence[Profile]:
        """Valid profiles whose token expires before the instant, by (expiry, character), behind a position."""
        ...

    async def of_another_refresher(self, now: datetime) -> int | None:
        """The character of a login that somebody else refreshed lately; see `eve.domain.other_refresher`."""
        ...

    async def note_other_refresher(self, character_id: int | None, now: datetime) -> None:
        """Record for the alerts the result of the check above; None when it found none. Repeatable."""
        ...

    async def claim(self, profile: Profile, now: datetime, until: datetime) -> bool:
        """Take the profile for this worker until then; False when its token changed or another has it."""
        ...

    async def release(self, profile: Profile) -> None:
        """Give a claim back, with nothing changed."""
        ...

    async def keep(self, profile: Profile, grant: Grant, expires_at: datetime, now: datetime) -> bool:
        """Store a grant; False when the profile got other tokens in between, which are kept."""
        ...

    async def keep_refresh_token(self, profile: Profile, refresh_token: str, now: datetime) -> None:
        """Store a rotated refresh token alone, whose access token is not to be trusted."""
        ...

    async def invalidate(self, profile: Profile, now: datetime) -> None:
        """The owner must log in again."""
        ...


class CharacterStore(Protocol):
    """`characters`, and what is remembered of checks that changed nothing."""

    def stale(self, before: datetime, quarantined_before: datetime, page_size: int) -> AsyncIterator[StalePage]:
        """Characters neither changed nor checked since `before`, by id, page after page, in constant memory."""
        ...

    async def apply(self, changes: Sequence[AffiliationChange], now: datetime) -> int:
        """Write what differs, in one round trip; returns how many were written."""
        ...

    async def quarantine(self, character_id: int, now: datetime) -> None:
        """ESI refuses this id."""
        ...

    async def checked(self, low: int, high: int, now: datetime) -> None:
        """All characters from `low` to `high` were compared with ESI now."""
        ...


class EntityStore(Protocol):
    """`alliances` or `corporations`."""

    async def known(self, ids: Sequence[int]) -> Mapping[int, StoredEntity]:
        """Those of the ids that are kept, deleted ones too."""
        ...

    def live(self, page_size: int) -> AsyncIterator[Sequence[StoredEntity]]:
        """All that are not marked deleted, by id, page after page."""
        ...

    def live_ids(self) -> AsyncIterator[int]:
        """The ids of all that are not marked deleted, ascending."""
        ...

    async def save(self, changes: Sequence[EntityChange], now: datetime) -> WriteCounts:
        """Write what differs, in one round trip; an entity that is missing is created."""
        ...

    async def mark_deleted(self, ids: Sequence[int], now: datetime) -> int:
        """Mark as deleted; returns how many were not so before."""
        ...


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
