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

_LONGEST_HELD_QUEUE = 20


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One scheduled run. Orders by its queue's priority, 1 first, then by when it is due."""

    priority: int
    due_at: datetime
    flow_run: FlowRun
    in_lane: bool
    """Whether it is performed beside others, not in a process of its own."""

    @property
    def rank(self) -> tuple[int, datetime]:
        return self.priority, self.due_at

    @property
    def turn(self) -> tuple[datetime, str]:
        """What the runs of a deployment that run one after another are ordered by."""
        return self.flow_run.expected_start_time or self.due_at, str(self.flow_run.id)


class DueQueue:
    """What the last poll found, without what was begun since."""

    def __init__(
        self,
        priority_of: Callable[[UUID], int],
        is_queueing: Callable[[UUID | None], bool] = lambda deployment_id: False,
        busy_deployments: Callable[[], Collection[UUID | None]] = tuple,
        fits_lane: Callable[[FlowRun], bool] = lambda flow_run: False,
    ) -> None:
        """
        Args:
            priority_of: the priority of a work queue; 1 goes first.
            is_queueing: whether the runs of a deployment wait for each other.
            busy_deployments: deployments of which this worker has a run in progress. The next run of one that is
                queueing is left alone until then.
            fits_lane: whether a run may be performed beside others.
        """
        self._priority_of = priority_of
        self._is_queueing = is_queueing
        self._busy_deployments = busy_deployments
        self._fits_lane = fits_lane
        self._runs: dict[UUID, ScheduledRun] = {}

    def count(self, *, in_lane: bool) -> int:
        """How many runs of a kind could be begun."""
        return sum(run.in_lane is in_lane for run in self._startable())

    def _startable(self) -> Collection[ScheduledRun]:
        """All but those that wait behind another of their deployment: first asked for or first due, first run.

        When many runs of one deployment wait they are not held back, for they would hide others in the next poll;
        Prefect refuses them and has them come again later.
        """
        startable: list[ScheduledRun] = []
        queues: defaultdict[UUID | None, list[ScheduledRun]] = defaultdict(list)
        for run in self._runs.values():
            deployment_id = run.flow_run.deployment_id
            (queues[deployment_id] if self._is_queueing(deployment_id) else startable).append(run)
        busy = self._busy_deployments()
        for deployment_id, waiting in queues.items():
            if len(waiting) > _LONGEST_HELD_QUEUE:
                startable += waiting
            elif deployment_id not in busy:
                startable.append(min(waiting, key=lambda run: run.turn))
        return startable

    def replace(self, answers: Iterable[WorkerFlowRunResponse], begun: Collection[UUID]) -> None:
        """Hold what a poll found, without the runs that were begun since."""
        self._runs = {
            answer.flow_run.id: ScheduledRun(
                priority=self._priority_of(answer.work_queue_id),
                due_at=_due_at(answer.flow_run),
                flow_run=answer.flow_run,
                in_lane=self._fits_lane(answer.flow_run),
            )
            for answer in answers
            if answer.flow_run.id not in begun
        }

    def take(self, now: datetime, ahead: timedelta = timedelta(), *, in_lane: bool = False) -> ScheduledRun | None:
        """Remove and return the run of a kind to begin next, or `None`.

        A run that is due comes before one that is not; among due ones priority decides.

        Args:
            ahead: how long before it is due a run may be returned.
        """
        runs = [run for run in self._startable() if run.in_lane is in_lane]
        due = [run for run in runs if run.due_at <= now]
        if not due:
            due = [run for run in runs if run.due_at <= now + ahead]
        if not due:
            return None
        chosen = min(due, key=lambda run: run.rank)
        return self._runs.pop(chosen.flow_run.id)

    def next_due_at(self, *, in_lane: bool) -> datetime | None:
        """When the earliest of a kind is due."""
        return min((run.due_at for run in self._startable() if run.in_lane is in_lane), default=None)

    def discard(self, flow_run_id: UUID) -> None:
        """Drop one that is no longer to run."""
        self._runs.pop(flow_run_id, None)


def _due_at(flow_run: FlowRun) -> datetime:
    due = flow_run.next_scheduled_start_time or flow_run.expected_start_time
    if due is None:
        raise ValueError(f"flow run {flow_run.id} is scheduled for no time")
    return due
