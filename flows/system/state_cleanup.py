"""Removes login states that are over, with a count for each collection."""

from __future__ import annotations

import json
from datetime import timedelta

from falcon_scheduler.adapters.mongo.states import delete_expired_states
from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.flows.system.parameters import StateCleanupParameters


async def clean_states(parameters: StateCleanupParameters, context: WorkContext, world: World) -> TaskResult:
    """The work of `system-state-cleanup`."""
    now = world.clock.now()
    created_before = now - timedelta(hours=parameters.retention_hours)
    removed: dict[str, int] = {}
    async for name, number in delete_expired_states(world.database, now, created_before):
        removed[name] = removed.get(name, 0) + number
        await context.progress(sum(removed.values()), text=name)
    return TaskResult(
        success=True,
        output=json.dumps({"removed": removed, "total": sum(removed.values())}),
        detail={"removed": removed},
    )
