"""Pages of lists, and which entries a list is to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import TaskStatus

T = TypeVar("T")

Position = tuple[datetime, str]
"""The place of an entry in a list that is ordered by time: its instant and its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of a list: `page` from 1, `size` 1 to 1000."""

    page: int = 1
    size: int = 20
    brief: bool = False
    """Whether the large parts of each entry are left out: an execution's output, parameters and attempts."""

    @property
    def offset(self) -> int:
        """How many entries come before this page."""
        return (self.page - 1) * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page and the exact number of entries on all pages."""

    items: Sequence[T]
    total: int
    request: PageRequest
    following: Position | None = None
    """Behind which entry the list goes on, in lists that can be read on from there. None on the last page."""

    @property
    def total_pages(self) -> int:
        """Pages in all; 0 when there is nothing."""
        return -(-self.total // self.request.size)


class TaskOrder(StrEnum):
    """By what a list of tasks is ordered. Those that have nothing to be ordered by come last."""

    UPDATED = "updated"
    """The one changed last first."""
    NAME = "name"
    NEXT_RUN = "next_run"
    """The one due next first, as of each task's last write."""
    LAST_RUN = "last_run"
    """The one that ran last first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks; a field that is None (or empty) does not narrow. Of `statuses`, `types` and `priorities` one must
    fit; `tags` must all be there; `query` is part of the name, in any case."""

    statuses: tuple[TaskStatus, ...] = ()
    types: tuple[str, ...] = ()
    enabled: bool | None = None
    tags: tuple[str, ...] = ()
    priorities: tuple[Priority, ...] = ()
    query: str = ""
    order: TaskOrder = TaskOrder.UPDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Which executions. `since` (inclusive) and `until` (exclusive) bound `started_at`.

    Of `statuses` one must fit, and of `outcomes` too; empty ones do not narrow. Skipped executions are left out
    unless `outcomes` names them.
    """

    task_id: str | None = None
    statuses: tuple[ExecutionStatus, ...] = ()
    outcomes: tuple[ExecutionOutcome, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """Numbers over all tasks, and over the executions of theirs that ended on one day."""

    total: int
    enabled: int
    running: int
    completed: int
    failed: int
    runtime_total: timedelta
    impeded: int = 0
    """Tasks that can't run as they are stored."""
