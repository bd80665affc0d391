"""What the services need from the world, as protocols. Adapters implement these; the contract stands here only.

Every method may raise `core.errors.Unavailable` when the other side does not answer. Unless it says otherwise a
method may be repeated safely.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from core.domain.execution import Execution, ExecutionStatus
from core.domain.run import Deployed, Run
from core.domain.task import DeployedAs, Priority, Task, TaskStatus
from core.errors import Fault

T = TypeVar("T")


class Clock(Protocol):
    """The present. The only place from which the product takes the time of day."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of a list: `page` from 1, `size` 1 to 100."""

    page: int = 1
    size: int = 20

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

    @property
    def total_pages(self) -> int:
        """Pages in all; 0 when there is nothing."""
        return -(-self.total // self.request.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which tasks; a field that is None (or empty) does not narrow. `tags` must all be there; `query` is part of
    the name, in any case."""

    status: TaskStatus | None = None
    type: str | None = None
    enabled: bool | None = None
    tags: tuple[str, ...] = ()
    priority: Priority | None = None
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFilter:
    """Which executions. `since` (inclusive) and `until` (exclusive) bound `started_at`."""

    task_id: str | None = None
    status: ExecutionStatus | None = None
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


class TaskStore(Protocol):
    """Where tasks live."""

    async def get(self, task_id: str) -> Task:
        """Raises `TaskNotFound`."""
        ...

    async def of_deployments(self, deployment_ids: Collection[str]) -> Mapping[str, Task]:
        """The tasks that are deployed under these ids, by deployment id."""
        ...

    async def insert(self, task: Task) -> Task:
        """Store a new task. Raises `NameTaken`; not repeatable."""
        ...

    async def change(self, task_id: str, change: Callable[[Task], Task]) -> Task:
        """Apply a pure function to the task as it is now and store the result, whole or not at all.

        `change` is called again when somebody else changed the task meanwhile. A result equal to its argument is
        not written.

        Raises:
            TaskNotFound, NameTaken, ConcurrentChange (others would not let us).
        """
        ...

    async def delete(self, task_id: str) -> None:
        """Remove the task; nothing happens when it is gone."""
        ...

    async def active(self) -> Sequence[Task]:
        """Tasks that count an execution among their active ones."""
        ...

    async def list(self, wanted: TaskFilter, page: PageRequest) -> Page[Task]:
        """Sorted by `updated_at`, newest first, then by id."""
        ...

    def all(self) -> AsyncIterator[Task]:
        """Every task, by id, without holding them all in memory."""
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


class ExecutionStore(Protocol):
    """Where executions live. A terminal status never changes, whatever is written and by whom."""

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
        """Make it running: create it, or move it on from pending. See `Beginning` for what may stand against it."""
        ...

    async def fence_off(self, execution_ids: Sequence[str], fencing_token: int) -> None:
        """An execution with this number has begun: those ids can't end by their own word any more."""
        ...

    async def note(
        self,
        execution_id: str,
        *,
        retry_count: int | None = None,
        heartbeat_at: datetime | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> bool:
        """Tell how an unfinished execution is doing. False when there is none: it has ended or was never written."""
        ...

    async def finish(self, execution: Execution, *, fenced: bool = False) -> bool:
        """Store an end. Creates the execution if need be; False when it had ended already (and nothing changes).

        With `fenced` it is also refused once `fence_off` named the execution. The execution is marked uncounted
        until `mark_counted`, so that a process that dies between the two leaves its trace for the sweep.
        """
        ...

    async def finish_all(self, executions: Sequence[Execution]) -> Sequence[Execution]:
        """`finish` for many in one request, each for itself. Returns those whose end was stored now."""
        ...

    async def uncounted(self, limit: int) -> Sequence[Execution]:
        """Executions that ended and whose task may not have counted them."""
        ...

    async def mark_counted(self, execution_ids: Sequence[str]) -> None:
        """Their task has counted them."""
        ...

    async def discard(self, execution_id: str) -> None:
        """Remove an execution that never began (a skipped one); one that began stays."""
        ...

    async def unfinished(self, task_id: str | None = None) -> Sequence[Execution]:
        """Pending and running executions, oldest first."""
        ...

    async def list(self, wanted: ExecutionFilter, page: PageRequest) -> Page[Execution]:
        """Sorted by `started_at`, newest first, then by id."""
        ...

    async def running(self) -> int:
        """How many executions are at work."""
        ...

    async def delete_of_task(self, task_id: str) -> int:
        """Remove a task's history; returns how many."""
        ...

    async def ended_before(
        self, instant: datetime, *, keep: Collection[str], limit: int
    ) -> Mapping[str, Sequence[str]]:
        """At most `limit` ids of ended and counted executions that started before `instant`, by task id.

        Those in `keep` are left out.
        """
        ...

    async def delete(self, execution_ids: Sequence[str]) -> None:
        """Remove executions; nothing happens to ids that are gone."""
        ...

    async def latest_of_tasks(self) -> Mapping[str, str]:
        """Each task's latest ended execution, by task id."""
        ...


class RunEngine(Protocol):
    """What runs tasks at their time: Prefect."""

    async def deploy(self, task: Task) -> DeployedAs:
        """Make the engine's picture of the task equal to ours and return what it was told.

        Creates or replaces. Runs that are due or at work stay as they are.
        """
        ...

    async def remove(self, task: Task) -> None:
        """Remove the deployment and every run of it; nothing happens when it is gone."""
        ...

    async def remove_deployment(self, deployment_id: str) -> None:
        """Remove a deployment that no task stands behind, with its runs."""
        ...

    def deployed(self) -> AsyncIterator[Deployed]:
        """Every deployment of ours, and those of others that carry the adoption tag."""
        ...

    async def deployed_as(self, deployment_ids: Sequence[str]) -> Sequence[Deployed]:
        """Those of the ids that are deployments of ours."""
        ...

    def fingerprint(self, task: Task) -> str:
        """The `DeployedAs.fingerprint` of a deployment that is equal to our picture of the task."""
        ...

    async def start(self, task: Task, *, parameters: Mapping[str, Any], priority: Priority) -> Run:
        """Ask for a run now. Not repeatable: each call asks for another."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Ask for the run's cancellation; nothing happens when it has ended or is gone."""
        ...

    async def conclude(self, execution: Execution, *, died: bool = False) -> None:
        """Make the engine agree with the end that an execution has, whatever it believes so far.

        `died` says that its process is gone. Nothing happens when the engine does not know the run (any more).
        """
        ...

    async def name_skip(self, run_id: str, message: str) -> None:
        """Let a run that was skipped say so in the engine too."""
        ...

    async def run(self, run_id: str) -> Run | None:
        """The run, or None when the engine does not know it (any more)."""
        ...

    async def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Those of the ids that the engine knows."""
        ...

    async def unfinished(self, deployment_id: str) -> Sequence[Run]:
        """The deployment's runs that wait or are at work; those ahead of time left out."""
        ...

    def changed_between(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Run]]:
        """Runs that began, ended or fell due in that time, a page after the other."""
        ...

    def at_work(self) -> AsyncIterator[Sequence[Run]]:
        """Runs in our pool that a worker has taken and that have not ended, a page after the other."""
        ...

    async def claim_patience(self) -> timedelta:
        """How long our pool's workers may take from claiming a run to beginning it."""
        ...

    async def was_removed(self, deployment_id: str) -> bool:
        """Whether somebody removed this deployment in the engine, as against it never having been there."""
        ...

    async def waiting(self) -> int:
        """How many runs are asked for or due and not yet at work."""
        ...

    async def delete_runs_ended_before(self, instant: datetime, limit: int) -> int:
        """Remove at most `limit` ended runs of ours from the engine; returns how many."""
        ...


class ChangeKind(StrEnum):
    """What a piece of news is about."""

    RUN = "run"
    """A run entered another phase."""
    DEPLOYMENT = "deployment"
    """A deployment was created or changed."""
    DEPLOYMENT_REMOVED = "deployment_removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of news: the kind and the engine's id. What is true now has to be asked for."""

    kind: ChangeKind
    id: str


class ChangeFeed(Protocol):
    """The engine's news as they happen. Not complete: a sweep makes up for what it misses."""

    def changes(self) -> AsyncIterator[Change]:
        """News until the connection is lost, which raises `Unavailable`; ask again to listen on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A task's lock, as held. `fencing_token` is higher than any given out for the task before."""

    task_id: str
    key: str
    holder: str
    fencing_token: int


class LockService(Protocol):
    """Keeps a task from running twice at once, on any number of machines. Source: design, "Running work"."""

    async def acquire(self, task_id: str, holder: str, ttl: timedelta) -> Lock | None:
        """The lock, or None when another holds it. The same holder may ask again and keeps what it has."""
        ...

    async def extend(self, lock: Lock, ttl: timedelta) -> bool:
        """Hold it for `ttl` from now on. False when it is not ours any more."""
        ...

    async def release(self, lock: Lock) -> None:
        """Give it back if it is still ours; never anybody else's."""
        ...

    async def holder(self, task_id: str) -> str | None:
        """Who holds the task's lock."""
        ...

    async def release_of(self, task_id: str, holder: str) -> bool:
        """Free the lock of a holder that is known to be dead."""
        ...


class Lease(Protocol):
    """A named office that one process of many holds at a time."""

    async def hold(self, name: str, holder: str, ttl: timedelta) -> bool:
        """Take or keep the office for `ttl`. False while another holds it."""
        ...

    async def give_up(self, name: str, holder: str) -> None:
        """Leave the office to others at once, if it is held."""
        ...


class ExecutorCatalog(Protocol):
    """Knows which executors are registered, without running them."""

    def types(self) -> Sequence[str]:
        """Task types that a client may create."""
        ...

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        """What is wrong with a config of that type (locations start with `config` or `parameters`)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One component's answer. `message` is empty when healthy and never holds an address."""

    name: str
    healthy: bool
    latency: timedelta
    message: str = ""


class HealthProbe(Protocol):
    """Asks one component whether it is well."""

    @property
    def name(self) -> str:
        """The component's plain name: mongodb, redis, prefect, esi."""
        ...

    async def check(self, timeout: timedelta) -> Health:
        """Never raises; an exception or no answer in time is an unhealthy answer."""
        ...


class Watermark(Protocol):
    """Remembers up to when the mirror has seen everything."""

    async def read(self, name: str) -> datetime | None:
        """None before the first write."""
        ...

    async def write(self, name: str, instant: datetime) -> None:
        """Move it; it never moves back."""
        ...
