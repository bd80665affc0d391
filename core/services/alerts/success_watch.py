"""Knows which tasks wait too long for a success, and joins that with what the other rules find."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert import AlertKind, key_of
from falcon_scheduler.core.domain.alert_rules import Finding
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.expected_success import as_one_alert, missing_success, wait_of
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.alerts.overdue import Overdue

CHANGEOVER = timedelta(minutes=5)
"""How long at most a success may still come after a facade took over: all servers may have been away before."""


class SuccessWatch:
    """Shares with `Overdue` since when checks have been made without a gap."""

    def __init__(self, overdue: Overdue) -> None:
        self._overdue = overdue

    def is_suspect(
        self, task: Task, opened: Collection[str], known_until: datetime | None, explained_until: datetime | None
    ) -> bool:
        """Whether the task's alert may open or recover. Reads no history."""
        return self._is_overdue(task, known_until, explained_until) != (
            key_of(AlertKind.NO_SUCCESS, task.id) in opened
        )

    def join(
        self,
        findings: Iterable[Finding],
        task: Task,
        ended: Sequence[Execution],
        opened: Collection[str],
        *,
        known_until: datetime | None,
        explained_until: datetime | None,
        due_at: datetime | None,
    ) -> Iterable[Finding]:
        """The findings of `alert_rules.judge` with that of the missing success. `opened`: keys of the open alerts."""
        alerts = task.definition.alerts
        if not alerts.enabled or not task.definition.enabled:
            return findings
        missing = missing_success(
            task,
            ended,
            as_of=self._overdue.known_as_of(task, known_until),
            excused_until=self._excused_until(task, explained_until),
            due_at=due_at,
        )
        is_open = key_of(AlertKind.NO_SUCCESS, task.id) in opened
        if missing.holds and key_of(AlertKind.MANY_LATE_RUNS) in opened and not is_open:
            missing = replace(missing, holds=None)  # the common alert covers it
        return as_one_alert(findings, alerts, missing, is_open=is_open)

    def _is_overdue(self, task: Task, known_until: datetime | None, explained_until: datetime | None) -> bool:
        expected, wait = task.definition.alerts.expect_success, wait_of(task)
        if expected is None or wait is None:
            return False
        as_of, excused = self._overdue.known_as_of(task, known_until), self._excused_until(task, explained_until)
        return wait.is_overdue(as_of, grace=expected.grace, excused_until=excused)

    def _excused_until(self, task: Task, explained_until: datetime | None) -> datetime:
        """Up to when a missing success has a cause that is reported elsewhere, or that nobody may have seen."""
        settled_from, expected = self._overdue.settled_from, task.definition.alerts.expect_success
        grace = expected.grace if expected else timedelta()
        watched = settled_from + min(grace, CHANGEOVER) - grace  # the rule adds the whole grace
        return max(watched, explained_until or watched)
