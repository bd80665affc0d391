"""Knows which tasks wait too long for a success, and joins that with what the other rules find."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from falcon_scheduler.core.domain.alert import AlertKind, key_of
from falcon_scheduler.core.domain.alert_rules import Finding, short_text, shown_instant
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.expected_success import as_one_alert, missing_success, wait_of, what_is_missing
from falcon_scheduler.core.domain.explanation import Cause, Explanation
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.alerts.overdue import Overdue

CHANGEOVER = timedelta(minutes=5)
"""How long at most a success may still come after a facade took over: all servers may have been away before."""
_UNDECIDED = {Cause.STARTING, Cause.RUNNING}
"""Causes of a run that may still succeed: of a task that fails each time, they would hide why it does."""
_EXPLAINS_NOTHING = {Cause.ON_TIME, Cause.DUE, Cause.NOT_CREATED, Cause.NOT_NAMED, Cause.NOT_KNOWN} | _UNDECIDED
"""Causes that are no reason for a missing success."""
logger = logging.getLogger(__name__)


class Explains(Protocol):
    """What the watch needs of `core.services.ledger.explaining.Explaining`."""

    async def explain(self, task: Task, instant: datetime | None = None) -> Explanation:
        """Explain an instant, by default the latest."""
        ...

    async def explain_execution(self, task: Task, execution: Execution) -> Explanation:
        """Explain one execution."""
        ...


class SuccessWatch:
    """Shares with `Overdue` since when checks have been made without a gap."""

    def __init__(self, overdue: Overdue, explaining: Explains) -> None:
        self._overdue = overdue
        self._explaining = explaining

    def is_suspect(
        self, task: Task, opened: Collection[str], known_until: datetime | None, excused_until: datetime | None
    ) -> bool:
        """Whether the task's alert may open or recover. Reads no history."""
        return self._is_overdue(task, known_until, excused_until) != (key_of(AlertKind.NO_SUCCESS, task.id) in opened)

    def join(
        self,
        findings: Iterable[Finding],
        task: Task,
        ended: Sequence[Execution],
        opened: Collection[str],
        *,
        known_until: datetime | None,
        excused_until: datetime | None,
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
            excused_until=self._excused_until(task, excused_until),
            due_at=due_at,
        )
        is_open = key_of(AlertKind.NO_SUCCESS, task.id) in opened
        if missing.holds and key_of(AlertKind.MANY_LATE_RUNS) in opened and not is_open:
            missing = replace(missing, holds=None)  # the common alert covers it
        return as_one_alert(findings, alerts, missing, is_open=is_open)

    def _is_overdue(self, task: Task, known_until: datetime | None, excused_until: datetime | None) -> bool:
        expected, wait = task.definition.alerts.expect_success, wait_of(task)
        if expected is None or wait is None:
            return False
        as_of, excused = self._overdue.known_as_of(task, known_until), self._excused_until(task, excused_until)
        return wait.is_overdue(as_of, grace=expected.grace, excused_until=excused)

    def _excused_until(self, task: Task, excused_until: datetime | None) -> datetime:
        """Up to when a missing success has a cause that is reported elsewhere, or that nobody may have seen."""
        settled_from, expected = self._overdue.settled_from, task.definition.alerts.expect_success
        grace = expected.grace if expected else timedelta()
        watched = settled_from + min(grace, CHANGEOVER) - grace  # the rule adds the whole grace
        return max(watched, excused_until or watched)

    @staticmethod
    def is_to_be_explained(finding: Finding, opened: Collection[str], task: Task) -> bool:
        """Whether the finding opens an alert whose text is to name the cause."""
        is_new = key_of(AlertKind.NO_SUCCESS, task.id) not in opened
        return finding.kind is AlertKind.NO_SUCCESS and finding.holds is True and is_new

    async def explained(self, finding: Finding, task: Task, ended: Sequence[Execution]) -> Finding:
        """The finding with the one cause that `explain` names for the latest instant or run, and what to do.

        While the run of the latest instant is about to begin or at work, the last one that ended is explained. The
        finding stays as it is when nothing was due since the last success, or nothing can be explained now.
        """
        wait, expected = wait_of(task, ended), task.definition.alerts.expect_success
        if wait is None or expected is None:
            return finding
        since = [each for each in ended if each.started_at > wait.since]
        try:
            found = await self._explaining.explain(task)
            if since and (found.at is None or found.at < since[0].started_at or found.cause in _UNDECIDED):
                found = await self._explaining.explain_execution(task, since[0])
        except Exception:  # whatever is wrong with the explanation, the alert opens
            logger.exception("The missing success of task %s could not be explained", task.id)
            return finding
        is_before = not found.execution_id and (found.at is None or found.at <= wait.since)
        if is_before or found.cause in _EXPLAINS_NOTHING:
            return finding
        return replace(finding, text=f"{what_is_missing(wait, expected)} {_text_of(found)}")


def _text_of(found: Explanation) -> str:
    """The answer of `explain` in a line or two."""
    facts = {fact.name: fact.value for fact in found.facts}
    about = f"The latest instant was {shown_instant(found.at)}. " if found.at is not None else ""
    error = f" The error: {short_text(facts['error'])}." if facts.get("error") else ""
    return f"{about}{found.sentence}{error} What to do: {found.what_to_do}"
