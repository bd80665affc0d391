"""The services on ports in memory, any call of which can fail, and the rules that hold once all was repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.takeover import Takeover
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import Fault as InputFault
from falcon_scheduler.core.services.mirror.mirror import Mirror
from falcon_scheduler.core.services.mirror.owed_runs import OwedRuns
from falcon_scheduler.core.services.mirror.plan_watch import PlanWatch
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.mirror.rescuer import Rescuer
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.idempotency import KeyedRequests
from falcon_scheduler.core.services.runs.run_service import RunService
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.calendar_following import CalendarFollowing
from falcon_scheduler.core.services.tasks.calendars import Calendars
from falcon_scheduler.core.services.tasks.changes import TaskChanges
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.task_service import TaskService
from tests.fakes.calendars import MemoryCalendarStore
from tests.fakes.clock import SetClock
from tests.fakes.engine import EngineState, MemoryDeployments, MemoryPlans, MemoryRuns
from tests.fakes.execution_store import MemoryExecutionStore
from tests.fakes.faults import Faults
from tests.fakes.locks import MemoryLockService
from tests.fakes.records import MemoryAuditStore, MemoryKeyedRequestStore, MemoryWatermark
from tests.fakes.stores import MemoryTaskStore

ADMIN = Principal(user_id="admin", character_id=1, is_super_admin=True)
EVERY_MINUTE = "0 * * * * *"


class AnyExecutor:
    """See `core.ports.ExecutorCatalog`: any config will do."""

    def types(self) -> Sequence[str]:
        return ["function", "custom"]

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[InputFault]:
        return ()

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[InputFault]:
        return ()


class NoTakeover:
    """See `core.ports.takeover.TakeoverRecord`: the database is nobody else's."""

    async def read(self) -> Takeover | None:
        return None

    async def write(self, takeover: Takeover) -> None:
        raise NotImplementedError


@dataclass(kw_only=True)
class Kept:
    """What outlives a process: the servers and what is on them."""

    clock: SetClock = field(default_factory=SetClock)

    def __post_init__(self) -> None:
        self.engine = EngineState(clock=self.clock)
        self.tasks = MemoryTaskStore()
        self.executions = MemoryExecutionStore(self.tasks)
        self.audit = MemoryAuditStore()
        self.keyed = MemoryKeyedRequestStore()
        self.watermark = MemoryWatermark()
        self.calendars = MemoryCalendarStore()
        self.locks = MemoryLockService(self.clock)


class Shop:
    """The services of one process, whose calls of the servers go through `faults`."""

    def __init__(self, kept: Kept, faults: Faults) -> None:
        self.kept = kept
        self.through = faults.through
        tasks, executions = faults.through(kept.tasks), faults.through(kept.executions)
        deployments, plans = (
            faults.through(MemoryDeployments(kept.engine)),
            faults.through(MemoryPlans(kept.engine)),
        )
        runs, clock = faults.through(MemoryRuns(kept.engine)), kept.clock
        watermark, locks = faults.through(kept.watermark), faults.through(kept.locks)
        calendars = faults.through(kept.calendars)
        self.audit = Auditing(entries=faults.through(kept.audit), clock=clock)
        self.counting = OutcomeCounting(tasks, executions)
        deploying = TaskDeploying(tasks=tasks, deployments=deployments, plans=plans, clock=clock)
        self.tasks = TaskService(
            tasks=tasks,
            executions=executions,
            deployments=deployments,
            deploying=deploying,
            catalog=AnyExecutor(),
            clock=clock,
            audit=self.audit,
            calendars=calendars,
        )
        self.following = CalendarFollowing(
            calendars=calendars,
            tasks=tasks,
            changes=TaskChanges(tasks=tasks, deployments=deployments, deploying=deploying),
            clock=clock,
            audit=self.audit,
        )
        self.calendars = Calendars(
            calendars=calendars, tasks=tasks, following=self.following, clock=clock, audit=self.audit
        )
        self.runs = RunService(
            tasks=tasks,
            executions=executions,
            runs=runs,
            catalog=AnyExecutor(),
            clock=clock,
            counting=self.counting,
            switches=self.tasks,
            audit=self.audit,
            keyed=KeyedRequests(faults.through(kept.keyed), clock),
            wake=_nobody_listens,
            queue_size=100,
        )
        self.reconcile = ReconcileService(
            tasks=tasks,
            executions=executions,
            deployments=deployments,
            runs=runs,
            deploying=deploying,
            clock=clock,
            audit=self.audit,
        )
        self.mirror = Mirror(
            tasks=tasks,
            executions=executions,
            runs=runs,
            locks=locks,
            counting=self.counting,
            watermark=watermark,
            clock=clock,
        )
        self.rescuer = Rescuer(
            tasks=tasks,
            executions=executions,
            runs=runs,
            counting=self.counting,
            mirror=self.mirror,
            clock=clock,
            stale_timeout=timedelta(hours=1),
        )
        self.plan = PlanWatch(
            tasks=tasks,
            deployments=deployments,
            plans=plans,
            runs=runs,
            deploying=deploying,
            watermark=watermark,
            clock=clock,
            keep_for=timedelta(days=30),
            follow=self.reconcile.follow,
        )
        self.owed = OwedRuns(tasks=tasks, plans=plans, runs=runs, watermark=watermark, clock=clock)
        self.retention = RetentionService(
            tasks=tasks,
            executions=executions,
            runs=runs,
            clock=clock,
            takeovers=NoTakeover(),
            takeover_grace=timedelta(),
        )

    async def task(self, name: str = "a task", **definition: Any) -> Task:
        given = {"type": "function", "schedule": EVERY_MINUTE, "config": {}, **definition}
        return await self.tasks.create(TaskDefinition(name=name, **given), ADMIN)


async def _nobody_listens(run_id: str) -> None:
    return


async def repaired(kept: Kept) -> Shop:
    """What the duties of a facade do once all servers answer again, in another process."""
    shop = Shop(kept, Faults())
    for _ in range(2):  # the second round sees what the first one did
        kept.clock.advance(timedelta(seconds=45))
        await shop.reconcile.reload()
        await shop.plan.look()
        await shop.mirror.sweep()
    return shop


def broken_rules(kept: Kept) -> list[str]:
    """Which of the rules of docs/reliability.md do not hold."""
    return [*_of_tasks(kept), *_of_executions(kept), *_of_runs(kept)]


def _of_tasks(kept: Kept) -> list[str]:
    found = []
    fingerprint = MemoryDeployments(kept.engine).fingerprint
    for task in kept.tasks.rows.values():
        own = [each.as_deployed for each in kept.engine.deployments.values() if each.task_id == task.id]
        if own != [task.deployed]:
            found.append(f"task {task.id} is deployed as {own} and takes itself for deployed as {task.deployed}")
        elif (own[0].active, own[0].fingerprint) != (task.fires, fingerprint(task)):
            found.append(f"the deployment of task {task.id} is another than the task says")
        if task.unplanned_since is not None:
            found.append(f"the plan of task {task.id} is not complete")
    strays = {each.task_id for each in kept.engine.deployments.values()} - kept.tasks.rows.keys()
    return [*found, *(f"a deployment is left of task {each}" for each in strays)]


def _of_executions(kept: Kept) -> list[str]:
    found = [f"execution {each} is not counted" for each in kept.executions.uncounted_ids]
    for task in kept.tasks.rows.values():
        own = [each for each in kept.executions.rows.values() if each.task_id == task.id]
        skipped = [each for each in own if each.is_skipped]
        if task.record.skipped_count != len(skipped):
            found.append(f"{task.record.skipped_count} skips counted, {len(skipped)} in the history")
        ended = [
            each
            for each in own
            if each.status.is_terminal and not each.is_skipped and each.id not in task.record.removing
        ]
        if task.record.total_runs != len(ended) + task.record.removed_count:
            removed = task.record.removed_count
            found.append(f"{task.record.total_runs} runs counted, {len(ended)} in the history, {removed} removed")
    return found


def _of_runs(kept: Kept) -> list[str]:
    """The engine and the history say the same of every run that was due."""
    deployed = {each.as_deployed.id for each in kept.engine.deployments.values()}
    found = []
    for run in map(kept.engine.present, kept.engine.runs.values()):
        execution = kept.executions.rows.get(run.id)
        if run.deployment_id not in deployed or run.phase is RunPhase.AHEAD:
            continue
        if execution is None:
            found.append(f"run {run.id} is {run.phase} and has no execution")
        elif execution.is_skipped != (run.phase is RunPhase.SKIPPED):
            found.append(f"run {run.id} is {run.phase} and its execution {execution.outcome}")
        elif execution.status.is_terminal != run.phase.is_terminal:
            found.append(f"run {run.id} is {run.phase} and its execution {execution.status}")
    return found
