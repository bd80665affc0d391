"""From the service's status and numbers to the wire, in the words that clients of go-falcon know."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from falcon_scheduler.api_facade.schemas.service import (
    Component,
    Dependencies,
    EngineStatus,
    Metrics,
    SchedulerStatus,
    StatsResponse,
    StatusResponse,
)
from falcon_scheduler.core.ports import Health
from falcon_scheduler.core.services.status import ServiceStatus, Stats

MODULE = "scheduler"
IDLE_RATE = 100.0
"""Percent before the first execution of the day has ended. Source: go-falcon, module status."""
OWN_COMPONENTS = frozenset({"mongodb", "redis", "prefect"})
NOT_ASKED = Health(name="", healthy=False, latency=timedelta())


def stats_response(stats: Stats) -> StatsResponse:
    """The numbers."""
    return StatsResponse(**_stats(stats))


def _stats(stats: Stats) -> dict[str, Any]:
    return {
        "total_tasks": stats.total_tasks,
        "enabled_tasks": stats.enabled_tasks,
        "impeded_tasks": stats.impeded_tasks,
        "running_tasks": stats.running_tasks,
        "completed_today": stats.completed_today,
        "failed_today": stats.failed_today,
        "average_runtime": stats.average_runtime,
        "next_scheduled_run": stats.next_scheduled_run,
        "worker_count": stats.worker_count,
        "queue_size": stats.queue_size,
    }


def status_response(status: ServiceStatus, memory_usage_mb: float) -> StatusResponse:
    """How the service is. MongoDB is called `database` and Prefect `engine`, as in go-falcon."""
    components = {each.name: each for each in status.components}
    database, redis, engine = (components.get(name, NOT_ASKED) for name in ("mongodb", "redis", "prefect"))
    metrics = None
    if status.stats is not None:
        metrics = Metrics(
            **_stats(status.stats),
            active_workers=status.stats.active_executions,
            memory_usage_mb=round(memory_usage_mb, 1),
            success_rate=IDLE_RATE if status.stats.success_rate is None else status.stats.success_rate,
        )
    return StatusResponse(
        module=MODULE,
        status=status.condition,
        message=status.message,
        dependencies=Dependencies(
            database=_word(database),
            database_latency=database.latency,
            redis=_word(redis),
            redis_latency=redis.latency,
            engine="running" if engine.healthy else "stopped",
            engine_latency=engine.latency,
        ),
        components=[
            Component(name=each.name, status=_word(each), latency=each.latency)
            for each in status.components
            if each.name not in OWN_COMPONENTS
        ]
        or None,
        metrics=metrics,
        last_checked=status.checked_at,
    )


def scheduler_status(away: Collection[str], version: str) -> SchedulerStatus:
    """go-falcon's short status, in the three values that its clients know."""
    engine = "prefect" not in away
    status = EngineStatus.RUNNING if engine else EngineStatus.STOPPED
    if "mongodb" in away:
        status = EngineStatus.ERROR
    return SchedulerStatus(module=MODULE, status=status, version=version, engine=engine)


def _word(health: Health) -> str:
    return "healthy" if health.healthy else "unhealthy"
