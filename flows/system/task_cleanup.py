"""Removes old executions from MongoDB and old runs from Prefect, so that neither grows without bound."""

from __future__ import annotations

import json
from datetime import timedelta

from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.go_falcon.database import MongoTakeoverRecord
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.flows.system.parameters import TaskCleanupParameters


async def clean_history(parameters: TaskCleanupParameters, context: WorkContext, world: World) -> TaskResult:
    """The work of `system-task-cleanup`."""
    # Prefect takes a second to import, and every process that reads the settings loads this module.
    from falcon_scheduler.adapters.prefect.client import open_client
    from falcon_scheduler.adapters.prefect.runs import PrefectRuns

    days, settings, database = parameters.retention_days, world.settings, world.database
    async with open_client(settings.prefect.api_url) as client:
        retention = RetentionService(
            tasks=MongoTaskStore(database),
            executions=MongoExecutionStore(database),
            runs=PrefectRuns(client, world.clock),
            clock=world.clock,
            takeovers=MongoTakeoverRecord(database),
            takeover_grace=settings.scheduler.takeover_grace,
        )
        removed = await retention.clean(
            timedelta(days=days) if days is not None else settings.scheduler.retention,
            spare=frozenset({context.execution_id}),
            on_progress=lambda done: context.progress(done, text="removed"),
        )
    counts = {"scheduler_executions": removed.executions + removed.skipped, "prefect_runs": removed.runs}
    return TaskResult(success=True, output=json.dumps({"removed": counts}), detail={"removed": counts})
