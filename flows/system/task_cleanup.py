"""Removes old executions from MongoDB and old runs from Prefect, so that neither grows without bound."""

from __future__ import annotations

import json
from datetime import timedelta

from falcon_scheduler.adapters.prefect.client import open_client
from falcon_scheduler.adapters.prefect.runs import PrefectRuns
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.flows.system.parameters import TaskCleanupParameters, read_parameters


class TaskCleanup:
    """See `flows.executors.system.SystemTask`."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores

    async def __call__(self, context: WorkContext) -> TaskResult:
        days = read_parameters(TaskCleanupParameters, context).retention_days
        async with open_client(self._settings.prefect.api_url) as client:
            retention = RetentionService(
                tasks=self._stores.tasks,
                executions=self._stores.executions,
                runs=PrefectRuns(client, self._stores.clock),
                clock=self._stores.clock,
                takeovers=self._stores.takeovers,
                takeover_grace=self._settings.scheduler.takeover_grace,
            )
            removed = await retention.clean(
                timedelta(days=days) if days is not None else self._settings.scheduler.retention,
                spare=frozenset({context.execution_id}),
                on_progress=lambda done: context.progress(done, text="removed"),
            )
        counts = {"scheduler_executions": removed.executions, "prefect_runs": removed.runs}
        return TaskResult(success=True, output=json.dumps({"removed": counts}), detail={"removed": counts})
