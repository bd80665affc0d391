"""The options of each EVE task, as values: already validated, with the documented defaults.

The text form (`"batch_size": 100`, `"timeout": "5m"`) and its bounds are read by `eve/tasks/parameters.py`.
Source of the defaults: go-falcon's system task table; eve-modules, section 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefreshOptions:
    """How tokens are refreshed."""

    batch_size: int = 100
    """Profiles read from the database at a time; every due profile is reached with any value."""
    concurrent_workers: int = 4
    """Refreshes under way at once."""
    window: timedelta = timedelta(minutes=20)
    """A profile is due when its token expires within this time: a bit more than the time between two runs."""
    ignore_other_refresher: bool = False
    """Whether to refresh although somebody else refreshes the same logins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AffiliationOptions:
    """How characters are compared with ESI."""

    batch_size: int = 1000
    """Characters per request; ESI takes 1000 at most."""
    parallel_workers: int = 3
    max_age: timedelta = timedelta(hours=1)
    """Characters checked or changed within this time are left alone. ESI itself caches for an hour."""
    quarantine: timedelta = timedelta(days=1)
    """How long an id that ESI refuses is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllianceImportOptions:
    """How alliances are imported."""

    batch_size: int = 10
    """Alliances per database write."""
    parallel_workers: int = 1
    delay_between_requests: timedelta = timedelta(milliseconds=200)
    """What each worker waits before a request; an answer out of the cache costs no wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorporationUpdateOptions:
    """How corporations are updated."""

    batch_size: int = 50
    """Corporations per database read and write."""
    concurrent_workers: int = 10
    delay_between_requests: timedelta = timedelta(milliseconds=50)
    """What each worker waits before a request; an answer out of the cache costs no wait."""
