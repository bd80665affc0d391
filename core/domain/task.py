"""A task as it is stored: its definition, its switches, and the result of its runs so far.

All values are frozen. A change returns a new task. A `TaskStore` writes it only if nobody else changed the task in
between. So every rule about status and counters is defined here, once, as a pure function.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.calendars import CalendarVersion
from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.impediments import impediments_of
from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.periods import Held, Period, followed_by
from falcon_scheduler.core.domain.record import RunRecord
from falcon_scheduler.core.domain.task_definition import TaskDefinition, TaskType


class TaskStatus(StrEnum):
    """The status of a task, derived from its switches, its running executions and its last outcome."""

    PENDING = "pending"
    """It has not run yet."""
    RUNNING = "running"
    """An execution is running."""
    COMPLETED = "completed"
    """The last execution succeeded."""
    FAILED = "failed"
    """The last execution failed or was cancelled."""
    PAUSED = "paused"
    """Its schedule is paused; it can still be run by hand."""
    DISABLED = "disabled"
    """It is switched off and can't be run at all."""


SYSTEM_ID_PREFIX = "system-"
"""Ids of system tasks begin with this; ids of other tasks never do."""


class Source(StrEnum):
    """Where a task came from."""

    API = "api"
    SYSTEM = "system"
    IMPORT = "import"
    """A deployment that a user made in Prefect and that was adopted."""
    RETIRED = "retired"
    """A system task that this service does not define: another scheduler's, or an older version's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAs:
    """What we last sent to the engine for the task. A deployment that differs from it was changed in the engine; a
    task that differs from it has a change of ours that did not arrive.

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
    was_enabled: bool | None = None
    """Of a retired task: whether it was enabled before."""
    unread: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Stored values of the fields that could not be read, by their dotted names. They stay unchanged until the
    field is changed."""
    next_run: datetime | None = None
    """When the schedule fires next, as of the last write; readers compute it anew."""
    periods: tuple[Period, ...] = ()
    """Which schedule was in force when, oldest first, the present one last; see `known_periods`."""
    owed: tuple[OwedRun, ...] = ()
    """Runs for instants of the past that were requested and not started yet, the next one first."""
    caught_up_until: datetime | None = None
    """Of the instants before it that had no run because of an outage, it is decided which ones get one."""
    unplanned_since: datetime | None = None
    """Instants from here on may be missing in the engine's plan: the task was changed and the engine has not
    planned it again yet. `None` when the plan is complete."""
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
    def impediments(self) -> tuple[str, ...]:
        """Why the task can't run as it is stored, a sentence for each cause; empty for a task that can."""
        if self.source is Source.IMPORT:  # its deployment defines what runs and when
            return ()
        definition = self.definition
        found = list(impediments_of(definition.schedule, definition.timezone, self.unread))
        if definition.type == TaskType.SYSTEM and self.source is Source.API:
            found.append("type: system tasks are defined in code, and this is none of them; disable or delete it")
        return tuple(found)

    @property
    def fires(self) -> bool:
        """Whether the schedule starts executions at present."""
        return self.definition.enabled and not self.paused and not self.impediments

    @property
    def runs_left(self) -> int | None:
        """How many scheduled runs may still begin; None without a limit."""
        limit = self.definition.max_runs
        return None if limit is None else max(limit - self.record.limited_runs, 0)

    @property
    def known_periods(self) -> tuple[Period, ...]:
        """Which schedule was in force when. Before the first change: the present definition since the creation."""
        if not self.periods:
            return (self._period(self.created_at),)
        return followed_by(self.periods, self._period(self.updated_at))

    @property
    def status(self) -> TaskStatus:
        """See `TaskStatus`; the first of disabled, paused, running, last outcome, pending that holds."""
        if not self.definition.enabled:
            return TaskStatus.DISABLED
        if self.paused:
            return TaskStatus.PAUSED
        if self.record.active:
            return TaskStatus.RUNNING
        if self.impediments:
            return TaskStatus.FAILED
        return TaskStatus(self.record.last_outcome) if self.record.last_outcome else TaskStatus.PENDING

    def redefined(
        self,
        definition: TaskDefinition,
        by: str,
        at: datetime,
        *,
        since: datetime | None = None,
        given: Collection[str] = (),
    ) -> Task:
        """The task with another definition. A definition equal to the present one changes nothing.

        Args:
            since: when the change took effect, if that was before it was noticed (a change made in Prefect).
            given: fields that the caller sets. A stored value that could not be read is replaced even by a value
            that equals the default as which it was read.
        """
        unread = {name: value for name, value in self.unread.items() if not self._replaces(definition, name, given)}
        if definition == self.definition and len(unread) == len(self.unread):
            return self
        changed = replace(
            self,
            definition=definition,
            version=self.version + 1,
            updated_by=by,
            updated_at=at,
            unread=unread,
        )
        if self.definition.max_runs is None:
            changed = changed._with(changed.record.without_limit())
        return changed._after(self, since or at)

    def _replaces(self, definition: TaskDefinition, stored_field: str, given: Collection[str]) -> bool:
        """Whether the new definition replaces what is stored in a field."""
        name = stored_field.removeprefix("metadata.").partition(".")[0]
        if stored_field == "metadata":  # it is written whole
            return bool(given) or definition != self.definition
        return name in given or getattr(definition, name, None) != getattr(self.definition, name, None)

    def with_calendar(self, version: CalendarVersion, by: str, at: datetime, *, since: datetime) -> Task:
        """With this version of a calendar instead of an older one, from `since` on. A second call changes nothing."""
        calendars = self.definition.calendars.with_version(version)
        return self.redefined(replace(self.definition, calendars=calendars), by, at, since=since)

    def with_paused(self, paused: bool, by: str, at: datetime, *, since: datetime | None = None) -> Task:
        """Paused or resumed. A second call changes nothing. `since` as in `redefined`."""
        if paused == self.paused:
            return self
        return replace(self, paused=paused, updated_by=by, updated_at=at)._after(self, since or at)

    def with_enabled(self, enabled: bool, by: str, at: datetime, *, since: datetime | None = None) -> Task:
        """Enabled or disabled. A second call changes nothing. `since` as in `redefined`."""
        return self.redefined(replace(self.definition, enabled=enabled), by, at, since=since)

    def started(self, execution_id: str, at: datetime, fencing_token: int, *, by_schedule: bool = False) -> Task:
        """An execution began. Bookkeeping of runs never touches `updated_at`, so lists stay in order."""
        record = self.record.started(execution_id, at, fencing_token)
        return self._with(record.with_limited(execution_id) if by_schedule and self._is_limited else record)

    def not_begun(self, execution_id: str) -> Task:
        """An execution that had `started` was refused its beginning."""
        return self._with(self.record.without_active(execution_id).without_limited(execution_id))

    def without_active(self, execution_id: str) -> Task:
        """Remove an execution that did not begin after all."""
        return self._with(self.record.without_active(execution_id))

    def finished(self, execution: Execution) -> Task:
        """Count the end of an execution, or its skip. A repeated end changes nothing."""
        if execution.is_skipped:
            return self.skipped(execution.id, execution.started_at)
        record = self.record.finished(execution)
        by_schedule = execution.trigger is Trigger.SCHEDULE
        return self._with(record.with_limited(execution.id) if by_schedule and self._is_limited else record)

    def skipped(self, execution_id: str, at: datetime) -> Task:
        """Count an execution that never began. Repeatable."""
        return self._with(self.record.skipped(execution_id, at).without_limited(execution_id))

    def with_removing(self, execution_ids: tuple[str, ...]) -> Task:
        """Retention is about to remove these ended executions. See `RunRecord.removing`."""
        return self._with(self.record.with_removing(execution_ids))

    def with_all_removed(self) -> Task:
        """Retention has removed them."""
        return self._with(self.record.with_all_removed())

    def to_be_planned(self, since: datetime) -> Task:
        """Mark the task before its change is sent: the engine then drops its planned runs from `since` on."""
        return replace(self, unplanned_since=min(self.unplanned_since or since, since))

    def owing(self, runs: Sequence[OwedRun]) -> Task:
        """With more owed runs, after those that are owed already."""
        return replace(self, owed=(*self.owed, *runs))

    def no_longer_owing(self, runs: Collection[OwedRun]) -> Task:
        """Without these runs: they were started, or given up."""
        return replace(self, owed=tuple(each for each in self.owed if each not in runs)) if runs else self

    def known_from(self, at: datetime) -> Task:
        """Count the schedule from this instant on: earlier instants belong to another scheduler."""
        return replace(self, periods=(self._period(at),))

    def _after(self, before: Task, at: datetime) -> Task:
        return replace(self, periods=followed_by(before.known_periods, self._period(at)))

    def _period(self, since: datetime) -> Period:
        definition = self.definition
        return Period(
            since=since,
            schedule=definition.schedule,
            timezone=definition.timezone,
            held=self._held,
            rules=definition.time_rules,
        )

    @property
    def _held(self) -> Held:
        if not self.definition.enabled:
            return Held.DISABLED
        if not self.fires:
            return Held.PAUSED
        return Held.LIMIT if self.runs_left == 0 else Held.NOT

    @property
    def _is_limited(self) -> bool:
        return self.definition.max_runs is not None

    def _with(self, record: RunRecord) -> Task:
        if record is self.record:
            return self
        changed = replace(self, record=record)
        if (changed.runs_left == 0) is (self.runs_left == 0):
            return changed
        return changed._after(self, record.last_run or self.updated_at)  # the limit ends the schedule, or no more
