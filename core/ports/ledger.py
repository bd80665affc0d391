"""Where the fates of occurrences are read, and where those without an execution are stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.occurrence import Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A time in which a part of the service was away, as the cause that names the part."""

    cause: Cause
    since: datetime
    until: datetime
    text: str = ""
    queue: str = ""
    """The work queue whose runs alone waited; empty where it holds for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """Findings from executions, complete before `until`. There may be several about one occurrence, of which
    `core.domain.occurrence.preferred` selects one."""

    found: Sequence[Occurrence]
    until: datetime


class LedgerStore(Protocol):
    """The ledger. Entries of one task do not overlap while only `core.services.ledger` writes.

    `ExecutionStore.delete_of_task` removes a task's entries.
    """

    async def fates(
        self, begin: datetime, end: datetime, *, task_id: str | None = None, limit: int | None = None
    ) -> Fates:
        """The fates that executions are, from `begin` on and before `end`; in order of instant, then task.

        With a `limit` reading ends after about so many executions, never between two of the same instant.
        """
        ...

    async def served(self, begin: datetime, end: datetime) -> Mapping[str, Collection[datetime]]:
        """The instants in this time for which there is an execution, by task. Costs less than their fates."""
        ...

    async def executions(self, task_id: str, at: datetime) -> Sequence[Execution]:
        """The executions for one occurrence, without their output."""
        ...

    async def entries(
        self, begin: datetime, end: datetime, *, task_id: str | None = None, limit: int | None = None
    ) -> Sequence[Occurrence]:
        """The stored entries with a part in this time, the earliest `limit` ones; in order of instant, then task."""
        ...

    async def add(self, entries: Sequence[Occurrence]) -> None:
        """Store entries, each unless its task has one that begins at the same instant.

        An entry that says `caught_up` replaces one that does not.
        """
        ...

    async def extend(self, entry: Occurrence, until: datetime, count: int) -> bool:
        """Lengthen an entry up to `until`, by `count` occurrences; False if it is not stored as given."""
        ...

    async def add_outage(self, outage: Outage) -> None:
        """Store the time in which a part was away."""
        ...

    async def outages(self, begin: datetime, end: datetime) -> Sequence[Outage]:
        """Those with a part in this time, the earliest first."""
        ...

    async def delete_before(self, instant: datetime, limit: int) -> int:
        """Remove at most `limit` entries, and outages, that were over before that; returns how many."""
        ...
