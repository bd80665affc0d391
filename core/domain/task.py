"""A task: what is to be run, when and how, and what became of its runs so far.

All values are frozen. A change returns a new task; storing it is the business of a `TaskStore`, which writes only if
nobody else changed the task meanwhile. So every rule about status and counters stands here once, as a pure function.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from core.domain.alert import TaskAlerts
from core.domain.execution import Execution, ExecutionStatus

COUNTED_WINDOW = 100
"""How many already counted execution ids a task remembers, so that an outcome told twice counts once.

Runs of one task follow each other, and an outcome is told again only by a sweep seconds later, so a hundred is
far more than can be told out of turn.
"""


class TaskType:
    """The four documented types. Another text is the name of a registered executor and runs like `CUSTOM`.

    Source: scheduler API, "Task Types".
    """

    HTTP = "http"
    FUNCTION = "function"
    SYSTEM = "system"
    CUSTOM = "custom"


class TaskStatus(StrEnum):
    """Where a task stands, derived from its switches, its active executions and its last outcome."""

    PENDING = "pending"
    """It has not run yet."""
    RUNNING = "running"
    """An execution is at work."""
    COMPLETED = "completed"
    """The last execution succeeded."""
    FAILED = "failed"
    """The last execution failed or was cancelled."""
    PAUSED = "paused"
    """Its schedule is held; it can still be run by hand."""
    DISABLED = "disabled"
    """It is switched off and can't be run at all."""


class Priority(StrEnum):
    """The order in which waiting executions are taken. Source: scheduler API, "Priority System"."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


class Overlap(StrEnum):
    """What happens when a task is due while its previous execution is still at work."""

    SKIP = "skip"
    """The new one is skipped and counted in `skipped_count`."""
    QUEUE = "queue"
    """The new one waits for its turn."""
    CANCEL_RUNNING = "cancel_running"
    """The old one is cancelled and the new one starts."""


class Source(StrEnum):
    """Where a task came from."""

    API = "api"
    SYSTEM = "system"
    IMPORT = "import"
    """A deployment that somebody else made in Prefect and that was taken in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """What a client may say of a task. Bounds are checked by `core.services.validation`.

    `config` is the executor's own, by type; `timezone` an IANA name in which the schedule is read.
    """

    name: str
    type: str
    schedule: str
    description: str = ""
    priority: Priority = Priority.NORMAL
    enabled: bool = True
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    max_retries: int = 3
    retry_interval: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(minutes=5)
    timezone: str = "UTC"
    overlap: Overlap = Overlap.SKIP
    alerts: TaskAlerts = field(default_factory=TaskAlerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """What ended on one day (UTC); the runtime is summed over both outcomes."""

    day: date
    completed: int = 0
    failed: int = 0
    runtime: timedelta = timedelta()

    def with_end(self, execution: Execution) -> DayCounts:
        """Count an end. One of an earlier day is left out, one of a later day begins a new count."""
        day = (execution.completed_at or execution.started_at).astimezone(UTC).date()
        if day < self.day:
            return self
        base = self if day == self.day else DayCounts(day=day)
        succeeded = execution.status is ExecutionStatus.COMPLETED
        return replace(
            base,
            completed=base.completed + succeeded,
            failed=base.failed + (not succeeded),
            runtime=base.runtime + (execution.duration or timedelta()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What became of a task's runs. Written only through `Task.started`, `finished` and `skipped`."""

    active: tuple[str, ...] = ()
    """Ids of the executions at work."""
    last_outcome: ExecutionStatus | None = None
    last_error: str = ""
    last_run: datetime | None = None
    last_run_duration: timedelta | None = None
    success_count: int = 0
    failure_count: int = 0
    skipped_count: int = 0
    last_skipped: datetime | None = None
    runtime_total: timedelta = timedelta()
    today: DayCounts = field(default_factory=lambda: DayCounts(day=date.min))
    """What ended on the last day on which anything ended."""
    counted: tuple[str, ...] = ()
    """Ids of the executions counted last, newest at the end, at most `COUNTED_WINDOW`."""
    fencing_token: int = 0
    """The highest fencing number ever given out for this task."""
    removed_count: int = 0
    """Ended executions that retention has removed: `total_runs` is these plus those in the history."""
    removing: tuple[str, ...] = ()
    """Ids that are counted as removed and may still be in the history, should retention have been interrupted."""

    @property
    def total_runs(self) -> int:
        """Executions that ended, whatever their outcome."""
        return self.success_count + self.failure_count

    @property
    def average_runtime(self) -> timedelta:
        """Mean duration of the executions that ended; zero before the first."""
        return self.runtime_total / self.total_runs if self.total_runs else timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAs:
    """What we last told the engine of the task, to tell a change made there from one of ours that did not arrive.

    `fingerprint` is the engine adapter's digest of the whole deployment; `active` whether its schedule fires.
    """

    id: str
    active: bool
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task as stored. `version` counts changes of the definition, `revision` every write."""

    id: str
    definition: TaskDefinition
    source: Source
    created_at: datetime
    updated_at: datetime
    created_by: str
    updated_by: str
    paused: bool = False
    version: int = 1
    record: RunRecord = field(default_factory=RunRecord)
    deployed: DeployedAs | None = None
    next_run: datetime | None = None
    """When the schedule fires next, as of the last write; readers compute it anew."""
    revision: int | None = None

    @property
    def deployment_id(self) -> str | None:
        """The engine's id of the task's deployment; None before it was first deployed."""
        return self.deployed.id if self.deployed else None

    @property
    def is_system(self) -> bool:
        """System tasks are defined in code and protected from changes through the API."""
        return self.source is Source.SYSTEM

    @property
    def fires(self) -> bool:
        """Whether the schedule starts executions at present."""
        return self.definition.enabled and not self.paused

    @property
    def status(self) -> TaskStatus:
        """See `TaskStatus`; the first of disabled, paused, running, last outcome, pending that holds."""
        if not self.definition.enabled:
            return TaskStatus.DISABLED
        if self.paused:
            return TaskStatus.PAUSED
        if self.record.active:
            return TaskStatus.RUNNING
        return TaskStatus(self.record.last_outcome) if self.record.last_outcome else TaskStatus.PENDING

    def redefined(self, definition: TaskDefinition, by: str, at: datetime) -> Task:
        """With another definition. A definition equal to the present one changes nothing."""
        if definition == self.definition:
            return self
        return replace(self, definition=definition, version=self.version + 1, updated_by=by, updated_at=at)

    def with_paused(self, paused: bool, by: str, at: datetime) -> Task:
        """Held or released. Saying it twice changes nothing."""
        if paused == self.paused:
            return self
        return replace(self, paused=paused, updated_by=by, updated_at=at)

    def with_enabled(self, enabled: bool, by: str, at: datetime) -> Task:
        """Switched on or off. Saying it twice changes nothing."""
        return self.redefined(replace(self.definition, enabled=enabled), by, at)

    def started(self, execution_id: str, at: datetime, fencing_token: int) -> Task:
        """An execution began. Bookkeeping of runs never touches `updated_at`, so lists stay in order."""
        record = self.record
        active = (*record.active, execution_id) if execution_id not in record.active else record.active
        last_run = max(record.last_run, at) if record.last_run else at
        return replace(
            self,
            record=replace(
                record,
                active=active,
                last_run=last_run,
                fencing_token=max(record.fencing_token, fencing_token),
            ),
        )

    def without_active(self, execution_id: str) -> Task:
        """An execution that was said to be at work never was."""
        active = tuple(each for each in self.record.active if each != execution_id)
        return self if active == self.record.active else replace(self, record=replace(self.record, active=active))

    def finished(self, execution: Execution) -> Task:
        """An execution ended. Telling the same end again changes nothing."""
        record = self.record
        if execution.id in record.counted:
            return self.without_active(execution.id)
        active = tuple(each for each in record.active if each != execution.id)
        succeeded = execution.status is ExecutionStatus.COMPLETED
        latest = record.last_run is None or execution.started_at >= record.last_run
        duration = execution.duration or timedelta()
        changed = replace(
            record,
            active=active,
            success_count=record.success_count + succeeded,
            failure_count=record.failure_count + (not succeeded),
            runtime_total=record.runtime_total + duration,
            today=record.today.with_end(execution),
            counted=(*record.counted, execution.id)[-COUNTED_WINDOW:],
        )
        if latest:
            changed = replace(
                changed,
                last_outcome=execution.status,
                last_error="" if succeeded else execution.error,
                last_run=execution.started_at,
                last_run_duration=duration,
            )
        return replace(self, record=changed)

    def with_removing(self, execution_ids: tuple[str, ...]) -> Task:
        """Retention is about to remove these ended executions."""
        record = self.record
        return replace(
            self,
            record=replace(record, removing=execution_ids, removed_count=record.removed_count + len(execution_ids)),
        )

    def with_all_removed(self) -> Task:
        """What retention was about to remove is gone."""
        return replace(self, record=replace(self.record, removing=()))

    def skipped(self, execution_id: str, at: datetime) -> Task:
        """A due execution was left out because the previous one was still at work. Told twice, counted once."""
        record = self.record
        if execution_id in record.counted:
            return self
        return replace(
            self,
            record=replace(
                record,
                skipped_count=record.skipped_count + 1,
                last_skipped=max(record.last_skipped, at) if record.last_skipped else at,
                active=tuple(each for each in record.active if each != execution_id),
                counted=(*record.counted, execution_id)[-COUNTED_WINDOW:],
            ),
        )
