"""Opens alerts and lets them recover: at once when a run has ended, and now and then for what does not happen.

Alerts are stored by compare-and-set, so at most one alert of a key is open, for any number of facades and repeats of
an outcome. `core.services.alerts.delivery` sends the messages; nothing here waits for a channel.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert import TASK_KINDS, Alert, AlertKind, Subject, key_of
from falcon_scheduler.core.domain.alert_rules import (
    AlertPolicy,
    Finding,
    judge,
    lateness_of,
)
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import TaskNotFound, Unavailable, UnreadableDocument
from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.ports import Clock, ExecutionStore, Runs, TaskStore, Watermark
from falcon_scheduler.core.ports.alerts import AlertStore, RunHistory
from falcon_scheduler.core.services.alerts.overdue import Overdue
from falcon_scheduler.core.services.alerts.success_watch import Explains, SuccessWatch
from falcon_scheduler.core.services.alerts.worker_watch import WorkerWatch
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.mirror import WATERMARK

logger = logging.getLogger(__name__)

LOOK_INTERVAL = timedelta(seconds=15)
SHARE = 0.02
"""The share of the time that the checks of all tasks may take: with 10,000 tasks one takes seconds."""
MANY = 20
"""From so many newly overdue tasks in one check on, one alert replaces theirs."""
TURN = 50
"""So many tasks with an open alert are judged again in each check, even without a new outcome."""
BREATH = 50
QUEUE_MARGIN = 0.8
"""The share of the alert's own threshold below which a queue counts as emptied."""

Open = Mapping[str, Alert]


class Alerting:
    """Remembers only the result of its last check, to compare it with the next one."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        history: RunHistory,
        runs: Runs,
        alerts: AlertStore,
        workers: WorkerWatch,
        watermark: Watermark,
        clock: Clock,
        policy: AlertPolicy,
        channels: Sequence[str],
        queue_threshold: int,
        keep_for: timedelta,
        explaining: Explains,
    ) -> None:
        """`queue_threshold` is how many waiting runs make a full queue."""
        self._tasks = tasks
        self._executions = executions
        self._history = history
        self._runs = runs
        self._alerts = alerts
        self._workers = workers
        self._explained_until: datetime | None = None
        self._excused_until: datetime | None = None
        self._watermark = watermark
        self._clock = clock
        self._policy = policy
        self._channels = tuple(channels)
        self._queue_threshold = queue_threshold
        self._keep_for = keep_for
        self._overdue = Overdue(clock=clock, policy=policy)
        self._successes = SuccessWatch(self._overdue, explaining)
        self._failures: dict[str, int] = {}
        self._turn = 0
        self._pace = Pace(SHARE)

    def duty(self) -> Duty:
        """The check for missed runs, as a duty."""
        return Periodic("look for what did not happen", self.look_in_turn, LOOK_INTERVAL)

    async def observe(self, ended: Sequence[tuple[Task, Execution]]) -> None:
        """Judge ended runs. For most of them one read of the open alerts of their tasks is enough."""
        opened = await self._opened({task.id for task, _ in ended})
        suspects = {alert.subject.task_id: None for alert in opened.values()}
        for task, execution in ended:
            late = lateness_of(execution) > self._policy.of(task.definition.alerts).late_after
            if late or execution.status is ExecutionStatus.FAILED:
                suspects[task.id] = None
        if suspects:
            known_until = await self._watermark.read(WATERMARK)
            for task_id in suspects:
                await self._examine(task_id, opened, known_until)

    async def look_in_turn(self) -> None:
        """Check all tasks, within a share of the time; in between those alone whose next run should have begun."""
        if not self._pace.is_rested:
            await self._look_at(self._tasks.due_before(self._clock.now()), are_all=False)
            return
        self._pace.begin()
        await self.look()
        self._pace.end()

    async def look(self) -> None:
        """Check all tasks for missed runs, and for open alerts that no longer apply.

        It also finds, later, what `observe` was not called for.
        """
        await self._look_at(self._history.tasks(), are_all=True)

    async def _look_at(self, tasks: AsyncIterator[Task], *, are_all: bool) -> None:
        await self._workers.look()
        self._explained_until = await self._workers.explained_until()
        self._excused_until = await self._workers.excused_until()
        opened = await self._opened()
        await self._look_at_the_queue(opened)
        self._overdue.note_look()
        known_until = await self._watermark.read(WATERMARK)
        alerting = {alert.subject.task_id for alert in opened.values()} - {""}
        suspects = self._some_of(sorted(alerting))
        overdue: list[str] = []
        failures: dict[str, int] = {}
        async for task in tasks:
            failures[task.id] = task.record.failure_count
            if is_overdue := self._overdue.since(task, known_until, self._explained_until) is not None:
                overdue.append(task.id)
            if self._is_suspect(task, opened, is_overdue=is_overdue) or self._successes.is_suspect(
                task, opened.keys(), known_until, self._excused_until
            ):
                suspects.add(task.id)
            if len(failures) % BREATH == 0:
                await asyncio.sleep(0)  # a batch comes at once, and others want to work too
        if are_all:
            self._overdue.forget_all_but(failures)
            suspects |= alerting - failures.keys()  # they were deleted
        suspects.update(await self._gather_overdue(overdue, opened))
        for task_id in suspects:
            await self._examine(task_id, opened, known_until)
        self._failures = failures if are_all else {**self._failures, **failures}
        await self._alerts.forget(self._clock.now() - self._keep_for)

    async def _opened(self, task_ids: Collection[str] | None = None) -> Open:
        return {alert.key: alert for alert in await self._alerts.opened(task_ids)}

    def _some_of(self, task_ids: Sequence[str]) -> set[str]:
        """The next few that have an open alert: what two facades judged at the same moment is put right in turn."""
        chosen = task_ids[self._turn : self._turn + TURN]
        self._turn = self._turn + TURN if self._turn + TURN < len(task_ids) else 0
        return set(chosen)

    def _is_suspect(self, task: Task, opened: Open, *, is_overdue: bool) -> bool:
        """Whether an alert of the task may open or recover. In the first check this is every failing task."""
        outcome, before = task.record.last_outcome, self._failures.get(task.id)
        if task.source is Source.IMPORT and task.record.active:
            return True
        if outcome is ExecutionStatus.FAILED if before is None else task.record.failure_count > before:
            return True
        mended: list[AlertKind] = []
        if not task.definition.enabled:
            mended = list(TASK_KINDS)
        elif outcome is ExecutionStatus.COMPLETED:
            mended = [AlertKind.FAILURES_IN_A_ROW, AlertKind.SYSTEM_TASK_FAILED, AlertKind.STALE_RUN]
        if self._overdue.is_settled and not is_overdue:
            mended.append(AlertKind.LATE_RUN)
        return any(key_of(kind, task.id) in opened for kind in mended)

    async def _gather_overdue(self, overdue: Sequence[str], opened: Open) -> Sequence[str]:
        """The overdue tasks that get an alert of their own."""
        if not self._overdue.is_settled:
            return ()
        alerted = {alert.subject.task_id for alert in opened.values() if alert.kind is AlertKind.LATE_RUN}
        fresh = [task_id for task_id in overdue if task_id not in alerted]
        if len(fresh) > MANY:
            text = f"{len(overdue)} tasks are overdue. Are the workers, Prefect and its work pool well?"
            await self._settle(Finding(AlertKind.MANY_LATE_RUNS, True, text), Subject(), self._channels, opened)
            return ()
        if key_of(AlertKind.MANY_LATE_RUNS) in opened:
            text = f"Runs begin again; {len(overdue)} tasks are overdue still"
            await self._settle(Finding(AlertKind.MANY_LATE_RUNS, False, text), Subject(), self._channels, opened)
        return fresh

    async def _look_at_the_queue(self, opened: Open) -> None:
        try:
            waiting = await self._runs.waiting()
        except Unavailable:
            return  # nothing is known of the queue
        full = self._queue_threshold
        text = f"{waiting} runs wait; the queue counts as full from {full} on"
        holds = True if waiting >= full else False if waiting <= full * QUEUE_MARGIN else None
        await self._settle(Finding(AlertKind.QUEUE_FULL, holds, text), Subject(), self._channels, opened)

    async def _examine(self, task_id: str, opened: Open, known_until: datetime | None) -> None:
        """Judge the task as it is now."""
        try:
            task = await self._tasks.get(task_id)
        except UnreadableDocument:  # nothing is known of it until it is repaired
            return
        except TaskNotFound:
            await self._let_go(task_id, opened)
            return
        ended = await self._history.latest_ended(task_id, self._policy.of(task.definition.alerts).runs_needed)
        due_at = self._overdue.since(task, known_until, self._explained_until)
        if key_of(AlertKind.MANY_LATE_RUNS) in opened and key_of(AlertKind.LATE_RUN, task_id) not in opened:
            due_at = None  # the common alert covers it
        findings: Iterable[Finding] = judge(
            task,
            ended,
            self._policy,
            due_at=due_at,
            knows_what_is_due=self._overdue.is_settled,
            at_work_since=await self._at_work_for_too_long(task),
            explained_until=self._explained_until,
            late_since=late.opened_at if (late := opened.get(key_of(AlertKind.LATE_RUN, task_id))) else None,
        )
        findings = self._successes.join(
            findings,
            task,
            ended,
            opened.keys(),
            known_until=known_until,
            excused_until=self._excused_until,
            due_at=due_at,
        )
        wanted = task.definition.alerts.channels
        subject = Subject(task_id=task_id, task_name=task.definition.name, deployment_id=task.deployment_id or "")
        for finding in findings:
            if self._successes.is_to_be_explained(finding, opened.keys(), task):
                finding = await self._successes.explained(finding, task, ended)
            await self._settle(finding, subject, self._channels if wanted is None else wanted, opened)

    async def _at_work_for_too_long(self, task: Task) -> datetime | None:
        """Since when a run of an adopted task is stale: the service ends stale runs of its own tasks only."""
        if task.source is not Source.IMPORT or not task.record.active:
            return None
        active = await self._executions.of_ids(task.record.active)
        since = min((each.started_at for each in active.values() if not each.status.is_terminal), default=None)
        return since if since and self._clock.now() - since > self._policy.stale_after else None

    async def _let_go(self, task_id: str, opened: Open) -> None:
        for alert in opened.values():
            if alert.subject.task_id == task_id:
                await self._recover(alert, "The task was deleted")

    async def _settle(self, finding: Finding, subject: Subject, channels: Sequence[str], opened: Open) -> None:
        present = opened.get(key_of(finding.kind, subject.task_id))
        if finding.holds is True and present is None:
            alert = Alert(
                id=uuid.uuid4().hex,
                kind=finding.kind,
                subject=subject,
                text=finding.text,
                opened_at=self._clock.now(),
            )
            if await self._alerts.open(alert.announced_to(tuple(channels))):
                logger.warning("Alert %s opened for task %r: %s", alert.kind, subject.task_id, alert.text)
        elif finding.holds is False and present is not None:
            await self._recover(present, finding.text)

    async def _recover(self, alert: Alert, text: str) -> None:
        recover: Callable[[Alert], Alert] = lambda each: each.recovered(self._clock.now(), text)  # noqa: E731 - typed
        if await self._alerts.change(alert.id, recover) is not None:
            logger.info("Alert %s of task %r recovered: %s", alert.kind, alert.subject.task_id, text)
