"""Finds out which tasks are overdue: due by their schedule, and without any sign of a run."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert_rules import AlertPolicy, last_sign_of, overdue_since
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.services.tasks.fire_times import begin_of, next_run

SETTLING = timedelta(seconds=60)
"""No task is overdue for so long after the first check, and after a gap: all servers may have been away."""
GAP = timedelta(seconds=120)


class Overdue:
    """Remembers when each task is due, and since when checks have been made without a gap."""

    def __init__(self, *, clock: Clock, policy: AlertPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._looked_at: datetime | None = None
        self._settled_from: datetime | None = None
        self._due_at: dict[str, tuple[int | None, datetime | None]] = {}

    def note_look(self) -> None:
        """A check of all tasks begins."""
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at > GAP:
            self._settled_from = now + SETTLING
        self._looked_at = now

    @property
    def is_settled(self) -> bool:
        """Whether checks have been made for long enough to know what is overdue."""
        return self._settled_from is not None and self._clock.now() >= self._settled_from

    @property
    def settled_from(self) -> datetime:
        """From when on it is known what is overdue; before the first check, a minute from now."""
        return self._settled_from or self._clock.now() + SETTLING

    def known_as_of(self, task: Task, known_until: datetime | None) -> datetime:
        """Up to when everything about the task's runs is known.

        What runs write themselves is known at once; what the mirror writes for them, up to its watermark.
        """
        now = self._clock.now()
        by_mirror = task.source is Source.IMPORT or bool(task.record.active)
        return min(now, known_until or now) if by_mirror else now

    def forget_all_but(self, task_ids: Collection[str]) -> None:
        """Drop what is remembered of other tasks: they were deleted."""
        self._due_at = {task_id: due for task_id, due in self._due_at.items() if task_id in task_ids}

    def since(self, task: Task, known_until: datetime | None, explained_until: datetime | None) -> datetime | None:
        """Since when the task is overdue; None when it is not, or that is not known."""
        as_of = self.known_as_of(task, known_until)
        sign = last_sign_of(task)
        if (
            not self.is_settled
            or not task.fires
            or as_of - sign <= self._policy.of(task.definition.alerts).late_after
        ):
            return None
        return overdue_since(
            self._first_due_after(sign, task), task, as_of, self._policy, explained_until=explained_until
        )

    def _first_due_after(self, sign: datetime, task: Task) -> datetime | None:
        """Cached until the task changes: of thousands of tasks few change between two checks."""
        known = self._due_at.get(task.id)
        if known is None or known[0] != task.revision:
            due_at = next_run(task, sign)
            known = self._due_at[task.id] = task.revision, due_at and begin_of(task, due_at)
        return known[1]
