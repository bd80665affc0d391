"""The result of a task's runs: counters, the last outcome, running executions. Pure rules over frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus

COUNTED_WINDOW = 100
"""How many counted execution ids a task remembers, so that an outcome that is reported twice counts once.

The run and the mirror may both report an end, in any order, and a process may die between counting and marking. 100
is far more than one writer reports out of order; `core.services.runs.counting` orders what several report at once.
"""


_SKIP = "skipped:"
"""Prefix of the id of a run that was counted as skipped. Earlier versions wrote no document of a skip, so Prefect
could take such a run for crashed, and its end was counted after all: the skip is then subtracted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """Runs that ended on one day (UTC); the runtime is the sum over both outcomes."""

    day: date
    completed: int = 0
    failed: int = 0
    runtime: timedelta = timedelta()

    def with_end(self, execution: Execution) -> DayCounts:
        """Count an end. An end of an earlier day is left out, an end of a later day begins a new count."""
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
    """The result of a task's runs. Changed only through the methods below."""

    active: tuple[str, ...] = ()
    """Ids of the running executions."""
    last_outcome: ExecutionStatus | None = None
    last_error: str = ""
    last_run: datetime | None = None
    last_run_duration: timedelta | None = None
    last_success: datetime | None = None
    """When a run last ended with success; None before the first, and when an earlier version counted it."""
    success_count: int = 0
    failure_count: int = 0
    skipped_count: int = 0
    last_skipped: datetime | None = None
    runtime_total: timedelta = timedelta()
    today: DayCounts = field(default_factory=lambda: DayCounts(day=date.min))
    """Ends on the last day with an end."""
    counted: tuple[str, ...] = ()
    """Ids of the executions counted last, newest at the end, at most `COUNTED_WINDOW`; skipped ones have a prefix."""
    fencing_token: int = 0
    """The highest fencing number ever given out for this task."""
    removed_count: int = 0
    """Ended executions that retention has removed: `total_runs` is these plus the ended ones in the history."""
    removing: tuple[str, ...] = ()
    """Ids that are counted as removed but may still be in the history, if retention was interrupted. Written before
    the deletion, so that a crash in between neither loses nor doubles a count."""

    limited_runs: int = 0
    """Scheduled runs that have begun since the task has a limit of them (`max_runs`)."""
    limited: tuple[str, ...] = ()
    """Ids of those that were counted last, newest at the end, at most `COUNTED_WINDOW`."""

    @property
    def total_runs(self) -> int:
        """Executions that ended, with any outcome."""
        return self.success_count + self.failure_count

    @property
    def average_runtime(self) -> timedelta:
        """Mean duration of the executions that ended; zero before the first."""
        return self.runtime_total / self.total_runs if self.total_runs else timedelta()

    def started(self, execution_id: str, at: datetime, fencing_token: int) -> RunRecord:
        """An execution began."""
        return replace(
            self,
            active=(*self.active, execution_id) if execution_id not in self.active else self.active,
            last_run=max(self.last_run, at) if self.last_run else at,
            fencing_token=max(self.fencing_token, fencing_token),
        )

    def without_active(self, execution_id: str) -> RunRecord:
        """Remove an execution that did not begin after all."""
        active = tuple(each for each in self.active if each != execution_id)
        return self if active == self.active else replace(self, active=active)

    def finished(self, execution: Execution) -> RunRecord:
        """Count an end. A repeated end changes nothing. The end of a run counted as skipped replaces the skip."""
        record = self.without_active(execution.id)
        if execution.id in self.counted:
            return record
        if (skip := _SKIP + execution.id) in record.counted:
            others = tuple(each for each in record.counted if each != skip)
            record = replace(record, skipped_count=record.skipped_count - 1, counted=others)
        succeeded = execution.status is ExecutionStatus.COMPLETED
        duration = execution.duration or timedelta()
        changed = replace(
            record,
            success_count=record.success_count + succeeded,
            failure_count=record.failure_count + (not succeeded),
            runtime_total=record.runtime_total + duration,
            today=record.today.with_end(execution),
            last_success=_later(record.last_success, execution.completed_at) if succeeded else record.last_success,
            counted=(*record.counted, execution.id)[-COUNTED_WINDOW:],
        )
        if record.last_run is not None and execution.started_at < record.last_run:
            return changed
        return replace(
            changed,
            last_outcome=execution.status,
            last_error="" if succeeded else execution.error,
            last_run=execution.started_at,
            last_run_duration=duration,
        )

    def skipped(self, execution_id: str, at: datetime) -> RunRecord:
        """Count an execution that never began. Repeatable."""
        if execution_id in self.counted or _SKIP + execution_id in self.counted:
            return self
        return replace(
            self.without_active(execution_id),
            skipped_count=self.skipped_count + 1,
            last_skipped=max(self.last_skipped, at) if self.last_skipped else at,
            counted=(*self.counted, _SKIP + execution_id)[-COUNTED_WINDOW:],
        )

    def with_limited(self, execution_id: str) -> RunRecord:
        """Count a scheduled run towards the limit of runs. Repeatable: its start and its end both report it."""
        if execution_id in self.limited:
            return self
        limited = (*self.limited, execution_id)[-COUNTED_WINDOW:]
        return replace(self, limited_runs=self.limited_runs + 1, limited=limited)

    def without_limited(self, execution_id: str) -> RunRecord:
        """The run did not begin after all."""
        if execution_id not in self.limited:
            return self
        limited = tuple(each for each in self.limited if each != execution_id)
        return replace(self, limited_runs=self.limited_runs - 1, limited=limited)

    def without_limit(self) -> RunRecord:
        """Begin the count of limited runs anew."""
        return replace(self, limited_runs=0, limited=()) if self.limited_runs else self

    def with_removing(self, execution_ids: tuple[str, ...]) -> RunRecord:
        """Retention is about to remove these ended executions. See `removing`."""
        return replace(self, removing=execution_ids, removed_count=self.removed_count + len(execution_ids))

    def with_all_removed(self) -> RunRecord:
        """Retention has removed them."""
        return replace(self, removing=())


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
