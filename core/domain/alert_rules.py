"""When to alert: pure rules over a task, its latest runs and the present.

The rules look at the present state only, never at earlier answers. So several processes may apply them in any order
and as often as they like: they agree. Each rule answers that its alert holds, does not hold, or stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert import TASK_KINDS, AlertKind, TaskAlerts
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Task

RATE_MARGIN = 0.1
"""How far below its threshold a rate has to fall before it counts as recovered, so that it does not flap."""
_ROUNDING = 1e-9
_SHOWN_OF_AN_ERROR = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """The thresholds, as the settings give them."""

    failures_in_a_row: int = 3
    failure_rate: float = 0.5
    failure_rate_runs: int = 20
    """The rate is over this many of a task's latest runs; with fewer there is none."""
    late_after: timedelta = timedelta(minutes=5)
    stale_after: timedelta = timedelta(hours=2)

    @property
    def runs_needed(self) -> int:
        """How many of a task's latest runs the rules need."""
        return max(self.failures_in_a_row, self.failure_rate_runs)

    def of(self, alerts: TaskAlerts) -> AlertPolicy:
        """The policy with a task's own options."""
        return replace(
            self,
            failures_in_a_row=alerts.failures_in_a_row or self.failures_in_a_row,
            failure_rate=alerts.failure_rate or self.failure_rate,
            late_after=alerts.late_after or self.late_after,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's answer: whether its alert holds (None: as before), and why, in a sentence."""

    kind: AlertKind
    holds: bool | None
    text: str = ""


def judge(
    task: Task,
    ended: Sequence[Execution],
    policy: AlertPolicy,
    *,
    due_at: datetime | None = None,
    knows_what_is_due: bool = True,
    at_work_since: datetime | None = None,
    explained_until: datetime | None = None,
    late_since: datetime | None = None,
) -> Iterator[Finding]:
    """Apply all rules to a task.

    Args:
        ended: the latest executions that ended, the newest first, `AlertPolicy.runs_needed` of them.
        policy: the thresholds, without the task's own.
        due_at: the instant that `overdue_since` found.
        knows_what_is_due: whether `due_at` could be found out; without it no run can be called on time.
        at_work_since: since when a run exceeds the time it is allowed.
        explained_until: up to when late runs have a cause with an alert of its own.
        late_since: when the alert of the task's late runs opened, if it is open.
    """
    alerts = task.definition.alerts
    if not alerts.enabled or not task.definition.enabled:
        reason = "The task is disabled" if alerts.enabled else "The alerts of the task are switched off"
        yield from (Finding(kind, False, reason) for kind in TASK_KINDS)
        return
    policy = policy.of(alerts)
    judged = [each for each in ended if not each.is_cancelled]  # a user's wish is neither success nor failure
    yield _failures_in_a_row(judged, policy)
    yield _failure_rate(judged, policy)
    yield _stale(judged, at_work_since)
    late = _late(task, ended, policy, due_at, explained_until, late_since)
    if late.holds or knows_what_is_due or not task.fires:
        yield late
    if task.is_system:
        yield _system_task(judged)


def overdue_since(
    due_at: datetime | None,
    task: Task,
    as_of: datetime,
    policy: AlertPolicy,
    *,
    explained_until: datetime | None = None,
) -> datetime | None:
    """The instant of a run that was due and has not begun; None when no run is overdue.

    Args:
        due_at: the first instant due after `last_sign_of`.
        as_of: up to when everything is known.
        explained_until: see `judge`; the task is overdue only for the time after that.
    """
    if due_at is None or not task.definition.alerts.enabled:
        return None
    owed_since = max(due_at, explained_until or due_at)
    return due_at if as_of - owed_since > policy.of(task.definition.alerts).late_after else None


def last_sign_of(task: Task) -> datetime:
    """Up to when no run is missing: the time of the last run, skip or change that planned the schedule anew."""
    record = task.record
    signs = [task.updated_at + timedelta(seconds=10)]
    signs += [each + timedelta(seconds=1) for each in (record.last_run, record.last_skipped) if each is not None]
    signs += [each.since for each in task.periods[:1]]  # before a takeover another scheduler ran the task
    return max(signs)


def _failures_in_a_row(ended: Sequence[Execution], policy: AlertPolicy) -> Finding:
    kind, needed = AlertKind.FAILURES_IN_A_ROW, policy.failures_in_a_row
    latest = ended[:needed]
    if latest and _succeeded(latest[0]):
        return Finding(kind, False, "A run succeeded again")
    if len(latest) < needed or any(map(_succeeded, latest)):
        return Finding(kind, None)
    failures = "The last run failed" if needed == 1 else f"{needed} runs in a row failed, the last"
    return Finding(kind, True, f"{failures} with: {short_error(latest[0])}")


def _failure_rate(ended: Sequence[Execution], policy: AlertPolicy) -> Finding:
    kind, latest = AlertKind.FAILURE_RATE, ended[: policy.failure_rate_runs]
    if len(latest) < policy.failure_rate_runs:
        return Finding(kind, None)
    failed = sum(not _succeeded(each) for each in latest)
    rate, threshold = failed / len(latest), policy.failure_rate
    text = f"{failed} of the last {len(latest)} runs failed"
    if rate >= threshold:
        return Finding(kind, True, text)
    recovered = rate < max(threshold - RATE_MARGIN, 0) + _ROUNDING
    return Finding(kind, False if recovered else None, text)


def _stale(ended: Sequence[Execution], at_work_since: datetime | None) -> Finding:
    kind = AlertKind.STALE_RUN
    if at_work_since is not None:
        return Finding(kind, True, f"A run is at work since {shown_instant(at_work_since)}")
    if ended and is_stale(ended[0]):
        return Finding(kind, True, f"A run was ended because it was stale: {short_error(ended[0])}")
    return Finding(kind, False, "No run is stale any more")


def _late(
    task: Task,
    ended: Sequence[Execution],
    policy: AlertPolicy,
    due_at: datetime | None,
    explained_until: datetime | None,
    late_since: datetime | None,
) -> Finding:
    kind = AlertKind.LATE_RUN
    if not task.fires:
        return Finding(kind, False, "The schedule of the task is paused")
    if due_at is not None:
        return Finding(kind, True, f"A run was due at {shown_instant(due_at)} and none has begun since")
    newest = next((each for each in ended if each.trigger is Trigger.SCHEDULE), None)
    due = newest.scheduled_for if newest else None
    lateness = lateness_of(newest)
    is_explained = due is not None and explained_until is not None and due <= explained_until
    if due is not None and due >= task.updated_at and lateness > policy.late_after and not is_explained:
        seconds = timedelta(seconds=lateness // timedelta(seconds=1))
        return Finding(
            kind, True, f"The run that was due at {shown_instant(due)} began {format_duration(seconds)} late"
        )
    return _late_no_more(task, late_since)


def _late_no_more(task: Task, late_since: datetime | None) -> Finding:
    """An open alert recovers by a later event: a run that began or was skipped, or a change of the task."""
    kind, record = AlertKind.LATE_RUN, task.record
    signs = [at for at in (record.last_run, record.last_skipped) if at is not None]
    if late_since is None or any(at >= late_since for at in signs):
        return Finding(kind, False, "Runs begin at their time again")
    if task.updated_at >= late_since:
        return Finding(kind, False, "The task was changed, and no run that it names since is overdue")
    return Finding(kind, None)


def _system_task(ended: Sequence[Execution]) -> Finding:
    kind = AlertKind.SYSTEM_TASK_FAILED
    if not ended:
        return Finding(kind, None)
    if _succeeded(ended[0]):
        return Finding(kind, False, "The system task succeeded again")
    return Finding(kind, True, f"The system task failed: {short_error(ended[0])}")


def lateness_of(execution: Execution | None) -> timedelta:
    """By how much a scheduled run began after its instant; zero for any other run."""
    if execution is None or execution.scheduled_for is None or execution.trigger is not Trigger.SCHEDULE:
        return timedelta()
    return execution.started_at - execution.scheduled_for


def is_stale(execution: Execution) -> bool:
    """Whether it was ended because it was at work for too long."""
    return execution.error.startswith(STALE_WORDS)


STALE_WORDS = "The run was stale"
"""The first words of the error of a run that `core.services.mirror.rescuer` ended because it was stale."""


def _succeeded(execution: Execution) -> bool:
    return execution.status is ExecutionStatus.COMPLETED


def short_error(execution: Execution) -> str:
    """The beginning of its error."""
    return short_text(execution.error or "no reason given")


def short_text(error: str) -> str:
    """As much of an error as the text of an alert shows."""
    return error[:_SHOWN_OF_AN_ERROR]


def shown_instant(instant: datetime) -> str:
    """An instant in the text of an alert."""
    return instant.strftime("%Y-%m-%d %H:%M:%S UTC")
