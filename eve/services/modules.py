"""The four modules behind the EVE tasks, as a deployment may replace them.

A deployment brings its own through the entry point group `falcon_scheduler.modules` (names `auth`, `character`,
`alliance`, `corporation`). It need not import this file: only the methods count, and a result may be any object or
mapping with these counts. A module works until it is done or cancelled, raises for what stops the whole run and
counts what went wrong with one item.

Source: the scheduler document's module interfaces (AuthModule, CharacterModule, AllianceModule, CorporationModule).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from falcon_scheduler.eve.domain.options import (
    AffiliationOptions,
    AllianceImportOptions,
    CorporationUpdateOptions,
    TokenRefreshOptions,
)
from falcon_scheduler.eve.domain.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefreshResult:
    """`success + failed` tokens were processed."""

    success: int = 0
    failed: int = 0
    invalidated: int = 0
    """Of the failed: profiles that must log in again."""
    transient: int = 0
    """Of the failed: nothing was learnt and nothing changed; the next run tries again."""
    unreadable: int = 0
    """Of the failed: stored under another key than the one configured."""
    elsewhere: int = 0
    """Left alone, since another worker was refreshing them or had just done so. Not processed, not failed."""
    unfinished: int = 0
    """1 when the run stopped before its time limit with profiles left, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffiliationResult:
    """`updated + unchanged + skipped + failed` characters were due."""

    updated: int = 0
    """Written, since something differed."""
    unchanged: int = 0
    """The same in ESI; nothing was written to them."""
    skipped: int = 0
    """Not in ESI's answer (deleted characters), or changed by others in between."""
    failed: int = 0
    """Ids that ESI refuses, and all of a batch that could not be requested."""
    quarantined: int = 0
    """Of the failed: ids that ESI refuses; left out for a day."""
    batches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllianceImportResult:
    """`created + updated + skipped + failed` is what ESI listed."""

    total: int = 0
    processed: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    """Nothing to write: ESI answered 304, or with the same values."""
    failed: int = 0
    deleted: int = 0
    """Kept by us, listed by ESI no more: marked deleted."""
    not_modified: int = 0
    """Answers that were a 304."""
    cached: int = 0
    """Answers from our cache, without a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporationUpdateResult:
    """`updated + unchanged + skipped + failed` corporations were checked."""

    total: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    """Changed or removed by others in between."""
    failed: int = 0
    deleted: int = 0
    """Of the failed: unknown to ESI, marked deleted."""
    not_modified: int = 0
    cached: int = 0


class AuthModule(Protocol):
    """Keeps the logins of EVE characters alive."""

    async def refresh_expiring_tokens(self, options: TokenRefreshOptions, report: Report) -> TokenRefreshResult:
        """Refresh every token that expires within the window, oldest first."""
        ...


class CharacterModule(Protocol):
    """Keeps the characters' corporation, alliance and faction true."""

    async def update_all_affiliations(self, options: AffiliationOptions, report: Report) -> AffiliationResult:
        """Compare every stale character with ESI and write what differs."""
        ...


class AllianceModule(Protocol):
    """Keeps all alliances."""

    async def bulk_import_alliances(self, options: AllianceImportOptions, report: Report) -> AllianceImportResult:
        """Import every alliance that ESI lists; mark those gone."""
        ...


class CorporationModule(Protocol):
    """Keeps the corporations that are known."""

    async def update_all_corporations(
        self, options: CorporationUpdateOptions, report: Report
    ) -> CorporationUpdateResult:
        """Bring every known corporation up to date."""
        ...
