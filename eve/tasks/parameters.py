"""Parameters of the four EVE tasks, as a task's config or a single run gives them.

An unknown name or a value out of bounds is an error that names the field. Source of the defaults: eve-modules
section 10, system tasks.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from falcon_scheduler.adapters.system_tasks import GoDuration, Parameters
from falcon_scheduler.eve.domain.options import (
    AffiliationOptions,
    AllianceImportOptions,
    CorporationUpdateOptions,
    TokenRefreshOptions,
)

_DAY = timedelta(days=1)
Workers = Annotated[int, Field(ge=1, le=50)]
TimeLimit = Annotated[GoDuration, Field(ge=timedelta(seconds=1), le=_DAY)]
Delay = Annotated[GoDuration, Field(ge=timedelta(), le=timedelta(minutes=1))]
Share = Annotated[float, Field(ge=0, le=1)]


class EveParameters(Parameters):
    """What all four have in common."""

    timeout: TimeLimit | None = None
    """How long the work may take within its attempt; None is as long as the attempt itself."""
    failure_threshold: Share = 0.5
    """The task fails when more than this share of what it processed failed, or when nothing succeeded at all."""

    @abstractmethod
    def options(self) -> object:
        """The same as the module takes it."""


class TokenRefreshParameters(EveParameters):
    """Of `token_refresh`."""

    timeout: TimeLimit | None = timedelta(minutes=5)
    failure_threshold: Share = 1.0
    """Logins that are dead are no failure of ours, however many they are."""
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 100
    """Profiles read at a time. All due profiles are reached with any value."""
    concurrent_workers: Workers = 4
    """Refreshes under way at once."""
    window: Annotated[GoDuration, Field(ge=timedelta(minutes=1), le=_DAY)] = timedelta(minutes=20)
    """Tokens that expire within this time are refreshed; keep it above the time between two runs."""
    ignore_other_refresher: bool = False
    """Refresh although somebody else refreshes the same logins; for a single run, see docs/go-falcon.md."""

    def options(self) -> TokenRefreshOptions:
        return TokenRefreshOptions(
            batch_size=self.batch_size,
            concurrent_workers=self.concurrent_workers,
            window=self.window,
            ignore_other_refresher=self.ignore_other_refresher,
        )


class AffiliationParameters(EveParameters):
    """Of `character_affiliation_update`."""

    batch_size: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Characters per request; ESI takes 1000 at most."""
    parallel_workers: Workers = 3
    """Batches under way at once."""
    max_age: Annotated[GoDuration, Field(ge=timedelta(), le=30 * _DAY)] = timedelta(hours=1)
    """Characters checked within this time are left alone; ESI itself caches for an hour."""

    def options(self) -> AffiliationOptions:
        return AffiliationOptions(
            batch_size=self.batch_size, parallel_workers=self.parallel_workers, max_age=self.max_age
        )


class AllianceImportParameters(EveParameters):
    """Of `alliance_bulk_import`."""

    timeout: TimeLimit | None = timedelta(minutes=30)
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 10
    """Alliances per database write."""
    parallel_workers: Workers = 1
    """Batches under way at once."""
    delay_between_requests: Delay = timedelta(milliseconds=200)
    """What each worker waits before a request to ESI."""

    def options(self) -> AllianceImportOptions:
        return AllianceImportOptions(
            batch_size=self.batch_size,
            parallel_workers=self.parallel_workers,
            delay_between_requests=self.delay_between_requests,
        )


class CorporationUpdateParameters(EveParameters):
    """Of `corporation_update`."""

    timeout: TimeLimit | None = timedelta(minutes=60)
    batch_size: Annotated[int, Field(ge=1, le=1000)] = 50
    """Corporations per database read and write."""
    concurrent_workers: Workers = 10
    """Batches under way at once."""
    delay_between_requests: Delay = timedelta(milliseconds=50)
    """What each worker waits before a request to ESI."""

    def options(self) -> CorporationUpdateOptions:
        return CorporationUpdateOptions(
            batch_size=self.batch_size,
            concurrent_workers=self.concurrent_workers,
            delay_between_requests=self.delay_between_requests,
        )
