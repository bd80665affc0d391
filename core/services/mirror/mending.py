"""Repairs runs that the engine can't return, and alerts about those that it can't repair.

An earlier version sent numbers beyond 64 bits to the engine as they were. The engine answers 500 to every list that
contains such a run (PrefectHQ/prefect 15031). So the parameters are stored again as text; if that does not help, the
run ends as failed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import SchedulerError, Unavailable
from falcon_scheduler.core.ports import Runs, TaskStore, UnreadableRuns
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.mirror import Mirror

logger = logging.getLogger(__name__)

LOOK_INTERVAL = timedelta(seconds=5)
AT_ONCE = 200
REASON = "The run was given something that Prefect can't send, and had to be removed there"
RUNS, TASKS = "runs in Prefect", "tasks"
"""Parts of the service, for the alerts."""
SHOWN = 5


class Mending:
    """May be used in any number of processes."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        runs: Runs,
        unreadable: UnreadableRuns,
        mirror: Mirror,
        alerts: ServiceAlerts,
    ) -> None:
        self._tasks = tasks
        self._runs = runs
        self._unreadable = unreadable
        self._mirror = mirror
        self._alerts = alerts

    def duty(self) -> Duty:
        """The check, as a duty."""
        return Periodic("mend what can't be read", self.look, LOOK_INTERVAL)

    async def look(self) -> None:
        """Repair unreadable runs of our tasks. Those that are left keep an alert open."""
        await self._update_alert(TASKS, self._tasks.unreadable(), "documents of tasks can't be read from MongoDB")
        await self._report_impeded()
        unreadable = await self._unreadable.ids()
        for start in range(0, len(unreadable), AT_ONCE):
            await self._mend_all(unreadable[start : start + AT_ONCE])
        left = await self._unreadable.ids() if unreadable else ()
        await self._update_alert(RUNS, left, "runs can't be read from Prefect and could not be repaired here")

    async def _report_impeded(self) -> None:
        impeded = self._tasks.impeded()
        if not impeded:
            await self._alerts.resolve(AlertKind.IMPEDED_TASKS, "Every task can run as it is stored")
            return
        text = f"{len(impeded)} tasks can't run as they are stored ({_some_of(impeded)}); see their last_error"
        await self._alerts.open(AlertKind.IMPEDED_TASKS, text)

    async def _update_alert(self, part: str, ids: Collection[str], what: str) -> None:
        if not ids:
            await self._alerts.resolve(AlertKind.UNREADABLE, f"All {part} can be read", part)
            return
        await self._alerts.open(AlertKind.UNREADABLE, f"{len(ids)} {what}: {_some_of(ids)}", part)

    async def _mend_all(self, run_ids: Sequence[str]) -> None:
        runs = await self._runs.of_ids(run_ids)
        tasks = await self._tasks.of_deployments({run.deployment_id for run in runs.values() if run.deployment_id})
        for run in runs.values():
            task = tasks.get(run.deployment_id or "")
            if task is None:
                continue
            try:
                await self._mend(task, run)
            except Unavailable:
                raise
            except SchedulerError as error:
                logger.warning("Run %s of task %s could not be repaired: %s", run.id, task.id, error)

    async def _mend(self, task: Task, run: Run) -> None:
        """The end is read back, so that the history takes it over from the engine as it does any other."""
        if not await self._unreadable.mend(run, task, REASON) or run.phase is RunPhase.AHEAD:
            return
        mended = (await self._runs.of_ids([run.id])).get(run.id)
        if mended is None and not run.phase.is_terminal:  # it had to be removed
            mended = replace(run, phase=RunPhase.FAILED, message=REASON)
        if mended is not None:
            await self._mirror.apply([mended])


def _some_of(ids: Collection[str]) -> str:
    return ", ".join([*ids][:SHOWN]) + (", …" if len(ids) > SHOWN else "")
