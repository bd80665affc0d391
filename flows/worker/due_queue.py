"""The scheduled runs that a worker knows of and has not begun, and which of them is next.

A poll's answer replaces all that was known before: Prefect alone says what is scheduled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

_LONGEST_LINE_HELD = 20


@dataclass(frozen=True, slots=True)
class WaitingRun:
    """One scheduled run. Orders by its queue's priority, 1 first, then by when it is due."""

    priority: int
    due_at: datetime
    flow_run: FlowRun

    @property
    def rank(self) -> tuple[int, datetime]:
        return self.priority, self.due_at

    @property
    def place(self) -> tuple[datetime, str]:
        """Where it stands in the line of its deployment, whenever it is to ask again."""
        return self.flow_run.expected_start_time or self.due_at, str(self.flow_run.id)


class WaitingRuns:
    """What the last poll brought, less what has been begun."""

    def __init__(
        self,
        priority_of: Callable[[UUID], int],
        runs_in_line: Callable[[UUID | None], bool] = lambda deployment_id: False,
        lines_at_work: Callable[[], Collection[UUID | None]] = tuple,
    ) -> None:
        """`runs_in_line` says of a deployment whether its runs wait for each other, and `lines_at_work` of which such
        deployments we have begun a run: the next one is left alone until it has ended."""
        self._priority_of = priority_of
        self._runs_in_line = runs_in_line
        self._lines_at_work = lines_at_work
        self._runs: dict[UUID, WaitingRun] = {}

    def __len__(self) -> int:
        return len(self._to_begin())

    def _to_begin(self) -> Collection[WaitingRun]:
        """All but those that wait behind another: first asked or first due, first run.

        A line that is long is not held back, for its runs would hide others in the next poll; Prefect refuses them
        and has them come again later.
        """
        chosen: list[WaitingRun] = []
        lines: defaultdict[UUID | None, list[WaitingRun]] = defaultdict(list)
        for run in self._runs.values():
            line = run.flow_run.deployment_id
            (lines[line] if self._runs_in_line(line) else chosen).append(run)
        at_work = self._lines_at_work()
        for line, waiting in lines.items():
            if len(waiting) > _LONGEST_LINE_HELD:
                chosen += waiting
            elif line not in at_work:
                chosen.append(min(waiting, key=lambda run: run.place))
        return chosen

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
        runs = self._to_begin()
        due = [run for run in runs if run.due_at <= now]
        if not due:
            due = [run for run in runs if run.due_at <= now + ahead]
        if not due:
            return None
        chosen = min(due, key=lambda run: run.rank)
        return self._runs.pop(chosen.flow_run.id)

    def next_due_at(self) -> datetime | None:
        """When the earliest of them is due."""
        return min((run.due_at for run in self._to_begin()), default=None)

    def discard(self, flow_run_id: UUID) -> None:
        """Forget one, because it is no longer to run."""
        self._runs.pop(flow_run_id, None)


def _due_at(flow_run: FlowRun) -> datetime:
    due = flow_run.next_scheduled_start_time or flow_run.expected_start_time
    if due is None:
        raise ValueError(f"flow run {flow_run.id} is scheduled for no time")
    return due
