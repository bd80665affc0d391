"""Keeps the engine equal to MongoDB: by a reload of everything, and by following what the engine announces."""

from __future__ import annotations

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import Source
from falcon_scheduler.core.pace import TENTH, Pace
from falcon_scheduler.core.ports import Clock, Deployments, ExecutionStore, Runs, TaskStore
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.mirror.engine_changes import EngineChanges
from falcon_scheduler.core.services.mirror.reloading import Reloading, ReloadOutcome
from falcon_scheduler.core.services.mirror.removals import Removals
from falcon_scheduler.core.services.mirror.repeated_reload import RepeatedReload
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying


class ReconcileService:
    """May run at any time and in any number of processes."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        deployments: Deployments,
        runs: Runs,
        deploying: TaskDeploying,
        clock: Clock,
        audit: Auditing,
        share: float = TENTH,
    ) -> None:
        """`share` is the share of the time that the repeated reload may take, above 0 and at most 1."""
        self._tasks = tasks
        self._deployments = deployments
        self._share = share
        self._deploying = deploying
        self._audit = audit
        self._removals = Removals(tasks=tasks, executions=executions, deployments=deployments, audit=audit)
        self._changes = EngineChanges(
            tasks=tasks, deployments=deployments, deploying=deploying, clock=clock, audit=audit
        )
        self._reloading = Reloading(
            tasks=tasks,
            deployments=deployments,
            runs=runs,
            deploying=deploying,
            clock=clock,
            removals=self._removals,
            changes=self._changes,
        )

    def duty(self) -> Duty:
        """The reload, as a duty, in slices."""
        return RepeatedReload(self.reload, self._share)

    async def reload_for(self, by: Principal) -> ReloadOutcome:
        """`reload` on request of a caller, with an entry in the audit."""
        async with self._audit.change(Action.RELOAD, by) as note:
            outcome = await self.reload()
            note.after = {
                "created": outcome.created,
                "updated": outcome.updated,
                "removed": outcome.removed,
                "failed": list(outcome.failed),
            }
            return outcome

    async def reload(self, pace: Pace | None = None) -> ReloadOutcome:
        """Make the engine equal to MongoDB; returns the changes. See `Reloading`."""
        return await self._reloading.reload(pace)

    async def follow(self, deployed: Deployed) -> None:
        """A deployment is new or was changed in the engine: take over what was changed on purpose."""
        await self._changes.follow(deployed)

    async def removed(self, deployment_id: str) -> None:
        """Somebody removed a deployment in the engine: its task goes too. A system task's comes back."""
        task = (await self._tasks.of_deployments([deployment_id])).get(deployment_id)
        if task is None or await self._deployments.is_there(deployment_id):
            return
        if task.is_system:
            await self._deploying.deploy(task)
        else:
            await self._removals.delete_task(task)

    async def left(self, deployment_id: str) -> None:
        """A deployment is not listed any more. If it was somebody else's, its tag is gone, and so is its task."""
        task = (await self._tasks.of_deployments([deployment_id])).get(deployment_id)
        if task is not None and task.source is Source.IMPORT:
            await self.removed(deployment_id)
