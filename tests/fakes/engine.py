"""The engine in memory: deployments, plans and runs on one state, which a test may change as others do in Prefect."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import Deployed, Run, RunPhase
from falcon_scheduler.core.domain.task import DeployedAs, Task
from falcon_scheduler.core.errors import Conflict
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.services.tasks.fire_times import due_between

PLANNED_AHEAD = timedelta(minutes=3)
MOST_PLANNED = 50
UNFINISHED = {RunPhase.WAITING, RunPhase.CLAIMED, RunPhase.RUNNING}


@dataclass(kw_only=True)
class EngineState:
    """All that the engine holds."""

    clock: Clock
    deployments: dict[str, Deployed] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    runs: dict[str, Run] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Ids of runs by the key under which they were asked for."""
    sent: dict[str, Task] = field(default_factory=dict)
    """What each deployment was sent last: its schedule is what the engine plans by."""

    def enter(self, run_id: str, phase: RunPhase, **fields: Any) -> Run:
        """Have a run enter a phase."""
        now = self.clock.now()
        times = {"ended_at": now} if phase.is_terminal else {"started_at": now} if phase is RunPhase.RUNNING else {}
        self.runs[run_id] = replace(self.runs[run_id], phase=phase, changed_at=now, **{**times, **fields})
        return self.runs[run_id]

    def run_of(self, deployment_id: str, key: str, due_at: datetime, trigger: Trigger) -> Run:
        """The run that was asked for under this key, made when there is none."""
        if key not in self.keys:
            now = self.clock.now()
            run = Run(
                id=str(uuid.uuid4()),
                deployment_id=deployment_id,
                phase=RunPhase.AHEAD if due_at > now else RunPhase.WAITING,
                trigger=trigger,
                due_at=due_at,
                changed_at=now,
            )
            self.keys[key], self.runs[run.id] = run.id, run
        return self.present(self.runs[self.keys[key]])

    def present(self, run: Run) -> Run:
        """What is ahead of time waits once it is due."""
        is_due = run.phase is RunPhase.AHEAD and run.due_at is not None and run.due_at <= self.clock.now()
        return replace(run, phase=RunPhase.WAITING) if is_due else run

    def of_deployment(self, deployment_id: str) -> Sequence[Run]:
        return [self.present(run) for run in self.runs.values() if run.deployment_id == deployment_id]

    def forget_runs(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            self.runs.pop(run_id, None)
        self.keys = {key: run_id for key, run_id in self.keys.items() if run_id in self.runs}


class MemoryDeployments:
    """See `core.ports.Deployments`."""

    def __init__(self, state: EngineState) -> None:
        self._state = state

    async def deploy(self, task: Task) -> DeployedAs:
        state = self._state
        own = [each for each in state.deployments.values() if each.task_id == task.id]
        of_type = (each.as_deployed.id for each in own if self._is_for(each.as_deployed.id, task))
        as_sent = DeployedAs(
            id=next(of_type, None) or str(uuid.uuid4()),
            active=task.fires,
            fingerprint=self.fingerprint(task),
        )
        for former in own:
            if not self._is_for(former.as_deployed.id, task):  # as the engine does with one of another flow
                paused = replace(former.as_deployed, active=False)
                state.deployments[former.as_deployed.id] = replace(former, as_deployed=paused)
                self._forget_plan(former.as_deployed.id)
        state.deployments[as_sent.id] = Deployed(
            task_id=task.id,
            as_deployed=as_sent,
            changed_at=state.clock.now(),
            serves=lambda other: other.definition.type == task.definition.type,
        )
        state.sent[as_sent.id] = task
        self._forget_plan(as_sent.id)
        return as_sent

    def _forget_plan(self, deployment_id: str) -> None:
        ahead = [run.id for run in self._state.of_deployment(deployment_id) if run.phase is RunPhase.AHEAD]
        self._state.forget_runs(ahead)

    def _is_for(self, deployment_id: str, task: Task) -> bool:
        sent = self._state.sent.get(deployment_id)
        return sent is None or sent.definition.type == task.definition.type

    async def remove(self, task: Task) -> None:
        named = [each.as_deployed.id for each in self._state.deployments.values() if each.task_id == task.id]
        for deployment_id in {*named, *([task.deployment_id] if task.deployment_id else [])}:
            await self.remove_deployment(deployment_id)

    async def remove_deployment(self, deployment_id: str) -> None:
        if self._state.deployments.pop(deployment_id, None) is not None:
            self._state.removed.add(deployment_id)
        self._state.forget_runs([run.id for run in self._state.of_deployment(deployment_id)])

    async def all(self) -> AsyncIterator[Deployed]:
        for deployed in [*self._state.deployments.values()]:
            yield deployed

    async def of_ids(self, deployment_ids: Sequence[str]) -> Sequence[Deployed]:
        return [self._state.deployments[each] for each in deployment_ids if each in self._state.deployments]

    async def is_there(self, deployment_id: str) -> bool:
        return deployment_id in self._state.deployments

    async def was_removed(self, deployment_id: str) -> bool:
        return deployment_id in self._state.removed

    def fingerprint(self, task: Task) -> str:
        definition = task.definition
        meaning = (
            *(definition.name, definition.description, definition.type, definition.schedule, definition.timezone),
            *(definition.priority, definition.overlap, sorted(definition.tags)),
            definition.time_rules,
        )
        return hashlib.sha256(repr(meaning).encode()).hexdigest()[:32]


class MemoryPlans:
    """See `core.ports.Plans`."""

    def __init__(self, state: EngineState) -> None:
        self._state = state

    async def plan(self, task: Task, since: datetime) -> None:
        deployment_id = task.deployment_id
        deployed = self._state.deployments.get(deployment_id or "")
        if deployment_id is None or deployed is None or not deployed.as_deployed.active:
            return
        until = self._state.clock.now() + PLANNED_AHEAD
        sent = self._state.sent[deployment_id]
        if sent.definition.time_rules.need_single_runs:  # its deployment has no schedule
            return
        definition = replace(sent.definition, enabled=True)
        as_sent = replace(sent, definition=definition, paused=False, periods=())
        for instant in due_between(as_sent, since, until, MOST_PLANNED):
            self._state.run_of(deployment_id, f"scheduled {deployment_id} {instant}", instant, Trigger.SCHEDULE)

    async def plan_instants(self, task: Task, instants: Sequence[datetime]) -> int:
        deployment_id = task.deployment_id
        if deployment_id not in self._state.deployments:
            return 0
        served = {run.due_at for run in self._state.of_deployment(deployment_id) if run.trigger is Trigger.SCHEDULE}
        missing = [each for each in instants if each not in served]
        for instant in missing:
            self._state.run_of(deployment_id, f"instant {task.id} {instant}", instant, Trigger.SCHEDULE)
        return len(missing)

    async def plan_owed(self, task: Task, owed: OwedRun) -> None:
        if task.deployment_id in self._state.deployments:
            self._state.run_of(task.deployment_id, owed.key, owed.at, Trigger.SCHEDULE)

    async def plan_single_instants(self, task: Task, instants: Sequence[datetime]) -> None:
        asked = {run_id for key, run_id in self._state.keys.items() if key.startswith(f"instant {task.id} ")}
        present = [run for run in self._state.of_deployment(task.deployment_id or "") if run.id in asked]
        surplus = [run.id for run in present if run.phase is RunPhase.AHEAD and run.due_at not in instants]
        self._state.forget_runs(surplus)
        await self.plan_instants(task, instants)

    async def drop(self, task: Task, instants: Sequence[datetime]) -> int:
        own = self._state.of_deployment(task.deployment_id or "")
        surplus = [
            run.id
            for run in own
            if run.phase is RunPhase.AHEAD and run.trigger is Trigger.SCHEDULE and run.due_at in instants
        ]
        self._state.forget_runs(surplus)
        return len(surplus)

    async def planned(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[tuple[str, datetime]]]:
        found = [
            (run.deployment_id, run.due_at)
            for run in self._state.runs.values()
            if run.trigger is Trigger.SCHEDULE and run.deployment_id and run.due_at and since <= run.due_at <= until
        ]
        if found:
            yield found


class MemoryRuns:
    """See `core.ports.Runs`."""

    def __init__(self, state: EngineState) -> None:
        self._state = state

    async def start(
        self, task: Task, *, parameters: Mapping[str, Any], priority: Priority, key: str, may_refer: bool = False
    ) -> Run:
        if task.deployment_id not in self._state.deployments:
            raise Conflict(f"Task {task.id!r} has no deployment; try again")
        return self._state.run_of(task.deployment_id, key, self._state.clock.now(), Trigger.MANUAL)

    async def cancel(self, run_id: str) -> None:
        run = await self.find(run_id)
        if run is None or run.phase.is_terminal:
            return
        if run.phase is RunPhase.RUNNING:
            self._state.enter(run_id, RunPhase.RUNNING, cancelling=True)
        else:
            self._state.enter(run_id, RunPhase.CANCELLED)

    async def conclude(self, execution: Execution, *, died: bool = False) -> None:
        if execution.id in self._state.runs:
            succeeded = execution.status is ExecutionStatus.COMPLETED
            failed = RunPhase.CANCELLED if execution.is_cancelled else RunPhase.FAILED
            failed = RunPhase.SKIPPED if execution.is_skipped else failed
            message = execution.output if succeeded else execution.error
            self._state.enter(execution.id, RunPhase.SUCCEEDED if succeeded else failed, message=message)

    async def name_skip(self, run_id: str, message: str) -> None:
        if run_id in self._state.runs:
            self._state.enter(run_id, RunPhase.SKIPPED, message=message, is_plain_cancel=False)

    async def find(self, run_id: str) -> Run | None:
        return (await self.of_ids([run_id])).get(run_id)

    async def of_ids(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        known = self._state.runs
        return {each: self._state.present(known[each]) for each in run_ids if each in known}

    async def unfinished(self, deployment_id: str) -> Sequence[Run]:
        return [run for run in self._state.of_deployment(deployment_id) if run.phase in UNFINISHED]

    async def changed_between(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Run]]:
        found = [
            self._state.present(run)
            for run in self._state.runs.values()
            if any(at is not None and since <= at <= until for at in (run.due_at, run.started_at, run.ended_at))
        ]
        if found:
            yield found

    async def at_work(self) -> AsyncIterator[Sequence[Run]]:
        found = [run for run in self._state.runs.values() if run.phase in {RunPhase.CLAIMED, RunPhase.RUNNING}]
        if found:
            yield found

    async def claim_patience(self) -> timedelta:
        return timedelta(seconds=30)

    async def waiting(self) -> int:
        present = map(self._state.present, self._state.runs.values())
        return sum(run.phase in {RunPhase.WAITING, RunPhase.CLAIMED} for run in present)

    async def delete_ended_before(self, instant: datetime, limit: int) -> int:
        ended = [run.id for run in self._state.runs.values() if run.phase.is_terminal and _ended_before(run, instant)]
        self._state.forget_runs(ended[:limit])
        return len(ended[:limit])


def _ended_before(run: Run, instant: datetime) -> bool:
    return run.ended_at is not None and run.ended_at < instant
