"""Where tasks, executions and the mirror's watermark live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from falcon_scheduler.core.domain.attempt import Attempts
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports.paging import ExecutionFilter, Page, PageRequest, Position, TaskCounts, TaskFilter


@dataclass(frozen=True, slots=True)
class Work:
    """What a task runs."""

    type: str
    config: Mapping[str, Any]


class TaskStore(Protocol):
    """Where tasks live."""

    async def get(self, task_id: str) -> Task:
        """Raises `TaskNotFound`."""
        ...

    async def of_ids(self, task_ids: Collection[str]) -> Mapping[str, Task]:
        """Those of the tasks that exist and can be read, by id."""
        ...

    async def named(self, name: str) -> Task | None:
        """The task of exactly this name."""
        ...

    async def names(self, task_ids: Collection[str]) -> Mapping[str, str]:
        """The names of those of the ids that exist."""
        ...

    async def work_of(self, task_ids: Collection[str]) -> Mapping[str, Work]:
        """What those of the tasks run that exist."""
        ...

    async def of_deployments(self, deployment_ids: Collection[str]) -> Mapping[str, Task]:
        """The tasks that are deployed under these ids, by deployment id."""
        ...

    async def insert(self, task: Task) -> Task:
        """Store a new task. Raises `NameTaken`; not repeatable."""
        ...

    async def change(self, task_id: str, change: Callable[[Task], Task], known: Task | None = None) -> Task:
        """Apply a pure function to the task as it is now and store the result, whole or not at all.

        `change` is called again when another process changed the task in between. A result equal to its argument is
        not written. `known` is the task as the caller has read or written it: while it is unchanged, it need not be
        read again.

        Raises:
            TaskNotFound, NameTaken, ConcurrentChange (others would not let us).
        """
        ...

    async def delete(self, task_id: str, *, revision: int | None = None) -> bool:
        """Remove the task, or only if it is at this revision. Returns whether it was there."""
        ...

    async def active(self) -> Sequence[Task]:
        """Tasks that count an execution among their active ones."""
        ...

    async def list(self, wanted: TaskFilter, page: PageRequest) -> Page[Task]:
        """Sorted by `updated_at`, newest first, then by id."""
        ...

    def all(self, after: str | None = None) -> AsyncIterator[Task]:
        """Every readable task (whose id is greater than `after`), by id, without holding them all in memory."""
        ...

    async def beginning_with(self, prefix: str) -> Sequence[Task]:
        """The readable tasks whose id begins with that, by id."""
        ...

    def unreadable(self) -> Collection[str]:
        """Ids of tasks whose documents could not be read when `all` was read to its end the last time."""
        ...

    def due_before(self, instant: datetime) -> AsyncIterator[Task]:
        """Tasks whose next run, as of their last write, is before that; without their config."""
        ...

    async def unplanned(self, before: datetime) -> Sequence[Task]:
        """Tasks that were marked `unplanned_since` before that and are still."""
        ...

    async def ending(self) -> Sequence[Task]:
        """Enabled tasks that are to be disabled or deleted once their schedule names no further instant."""
        ...

    async def owing(self) -> Sequence[Task]:
        """Tasks with owed runs (`Task.owed`)."""
        ...

    async def calendar_uses(self) -> Mapping[str, Mapping[str, int]]:
        """The calendars that tasks use, each with the version that is in force for the task, by the task's id."""
        ...

    def impeded(self) -> Collection[str]:
        """Ids of tasks that can't run as they are stored, when `all` was read to its end the last time."""
        ...

    async def counts(self, day: date) -> TaskCounts:
        """See `TaskCounts`."""
        ...


class Beginning(StrEnum):
    """What came of an execution's wish to begin."""

    BEGUN = "begun"
    ENDED = "ended"
    """It has ended already: somebody else wrote its end."""
    TAKEN = "taken"
    """Another execution has begun for the same occurrence."""
    ELSEWHERE = "elsewhere"
    """This execution is being performed by somebody else."""


class ExecutionStore(Protocol):
    """Where executions live. A terminal status never changes, by any write of any process."""

    async def get(self, execution_id: str) -> Execution:
        """Raises `ExecutionNotFound`."""
        ...

    async def of_ids(self, execution_ids: Sequence[str]) -> Mapping[str, Execution]:
        """Those of the ids that exist."""
        ...

    async def add(self, execution: Execution) -> bool:
        """Store an execution unless there is one with this id. Returns whether it was stored."""
        ...

    async def begin(self, execution: Execution) -> Beginning:
        """Make it running: create it, or move it on from pending. See `Beginning` for what may prevent it.

        One that runs already begins again only for the same performer. May be repeated.
        """
        ...

    async def fence_off(self, execution_ids: Sequence[str], fencing_token: int) -> None:
        """An execution with this number has begun: those ids can't write their own end any more."""
        ...

    async def note(
        self,
        execution_id: str,
        *,
        retry_count: int | None = None,
        attempts: Attempts | None = None,
        heartbeat_at: datetime | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        """Update an unfinished execution. False when there is none: it has ended or was never written."""
        ...

    async def note_alive(self, execution_ids: Sequence[str], at: datetime) -> Collection[str]:
        """Write a heartbeat to all of them in one request. Returns those that have ended or were never written."""
        ...

    async def finish(self, execution: Execution, *, fenced: bool = False) -> bool:
        """Store an end or a skip. Creates the execution if need be; False when it had ended already (and nothing
        changes).

        With `fenced` it is also refused once `fence_off` named the execution. The execution is marked uncounted
        until `mark_counted`, so that a process that dies between the two leaves its trace for the sweep.
        """
        ...

    async def finish_all(self, executions: Sequence[Execution]) -> Sequence[Execution]:
        """`finish` for many in one request, each for itself. Returns those whose end was stored now."""
        ...

    async def uncounted(self, limit: int) -> Sequence[Execution]:
        """Executions that ended or were skipped and whose task may not have counted them."""
        ...

    async def still_uncounted(self, execution_ids: Sequence[str]) -> Collection[str]:
        """Those of the ids whose task has not been marked as having counted them."""
        ...

    async def mark_counted(self, execution_ids: Sequence[str]) -> None:
        """Their task has counted them."""
        ...

    async def without_holder(self, since: datetime, limit: int) -> Sequence[Execution]:
        """Skips of runs due or requested since then whose holder is not known (`Skip.lacks_holder`)."""
        ...

    async def name_holder(self, execution_id: str, held_by: str) -> None:
        """Store because of which execution this one was skipped, unless that is known."""
        ...

    async def unfinished(self, task_id: str | None = None) -> Sequence[Execution]:
        """Pending and running executions, oldest first."""
        ...

    async def list(
        self, wanted: ExecutionFilter, page: PageRequest, after: Position | None = None
    ) -> Page[Execution]:
        """Sorted by `started_at`, newest first, then by id.

        With `after`, `following` of the page before, the entries behind it, at the same cost however deep they are;
        the number of the page is then of no effect.
        """
        ...

    async def unclaimed(self) -> Collection[str]:
        """Running executions that were begun without the engine's claim (`Execution.performer`)."""
        ...

    async def running(self) -> int:
        """How many executions are at work."""
        ...

    async def delete_of_task(self, task_id: str) -> int:
        """Remove a task's history, with its entries of the ledger; returns how many executions that were."""
        ...

    async def ended_before(
        self, instant: datetime, *, keep: Collection[str], limit: int, spare_foreign: bool = False
    ) -> Mapping[str, Sequence[str]]:
        """At most `limit` ids of ended and counted executions that started before `instant`, by task id.

        Skipped ones are left out, those in `keep` too, and with `spare_foreign` those that another scheduler wrote.
        """
        ...

    async def delete(self, execution_ids: Sequence[str]) -> None:
        """Remove executions; nothing happens to ids that are gone."""
        ...

    async def delete_skipped_before(self, instant: datetime, limit: int) -> int:
        """Remove at most `limit` skipped and counted executions that started before `instant`; returns how many."""
        ...

    async def latest_of_tasks(self, task_ids: Collection[str]) -> Mapping[str, str]:
        """The latest ended execution of each of these tasks that is there, by task id. Skipped ones are left out."""
        ...


class Watermark(Protocol):
    """Remembers up to when the mirror has seen everything."""

    async def read(self, name: str) -> datetime | None:
        """None before the first write."""
        ...

    async def write(self, name: str, instant: datetime) -> None:
        """Move it; it never moves back."""
        ...
