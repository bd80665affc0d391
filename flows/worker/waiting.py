"""The scheduled runs that a worker knows of and has not begun, and which of them is next.

A poll's answer replaces all that was known before: Prefect alone says what is scheduled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """One scheduled run. Orders by its queue's priority, 1 first, then by when it is due."""

    priority: int
    due_at: datetime
    flow_run: FlowRun

    @property
    def rank(self) -> tuple[int, datetime]:
        return self.priority, self.due_at


class WaitingRuns:
    """What the last poll brought, less what has been begun."""

    def __init__(self, priority_of: Callable[[UUID], int]) -> None:
        self._priority_of = priority_of
        self._runs: dict[UUID, WaitingRun] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def replace(self, answers: Iterable[WorkerFlowRunResponse], begun: Collection[UUID]) -> None:
        """Take over a poll's answer, leaving out the runs that have been begun meanwhile."""
        self._runs = {
            answer.flow_run.id: WaitingRun(
                priority=self._priority_of(answer.work_queue_id),
                due_at=_due_at(answer.flow_run),
                flow_run=answer.flow_run,
            )
            for answer in answers
            if answer.flow_run.id not in begun
        }

    def take(self, now: datetime, ahead: timedelta = timedelta()) -> WaitingRun | None:
        """Remove and return the run to begin next, or `None`.

        A run that is due comes before one that is not; among due ones priority decides.

        Args:
            ahead: how long before it is due a run may be taken.
        """
        due = [run for run in self._runs.values() if run.due_at <= now]
        if not due:
            due = [run for run in self._runs.values() if run.due_at <= now + ahead]
        if not due:
            return None
        chosen = min(due, key=lambda run: run.rank)
        return self._runs.pop(chosen.flow_run.id)

    def next_due_at(self) -> datetime | None:
        """When the earliest of them is due."""
        return min((run.due_at for run in self._runs.values()), default=None)

    def discard(self, flow_run_id: UUID) -> None:
        """Forget one, because it is no longer to run."""
        self._runs.pop(flow_run_id, None)


def _due_at(flow_run: FlowRun) -> datetime:
    due = flow_run.next_scheduled_start_time or flow_run.expected_start_time
    if due is None:
        raise ValueError(f"flow run {flow_run.id} is scheduled for no time")
    return due
