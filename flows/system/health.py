"""The health check: MongoDB, Redis and what the plug-ins name, checked at the same time, each with its latency.

Only MongoDB being away fails the task. Redis and an outside service (ESI is down for minutes every day) make it
degraded, which needs no alert. Source: eve-modules, "Health check", what is marked ours.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

from falcon_scheduler.adapters.mongo.client import ping as ping_mongo
from falcon_scheduler.adapters.redis.client import ping as ping_redis
from falcon_scheduler.adapters.system_tasks import Probe, World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.ports import Health, HealthProbe
from falcon_scheduler.flows.system.parameters import HealthCheckParameters


async def check_health(parameters: HealthCheckParameters, context: WorkContext, world: World) -> TaskResult:
    """The work of `system-health-check`."""
    answers = await asyncio.gather(*(probe.check(parameters.timeout) for probe in _probes(world)))
    overall = condition(answers)
    components = {answer.name: _as_json(answer) for answer in answers}
    output = json.dumps({"status": overall, "components": components})
    away = ", ".join(answer.name for answer in answers if not answer.healthy)
    if away:
        context.log.warning("Not well: %s", away)
    return TaskResult(
        success=overall != "unhealthy",
        output=output,
        error=f"Not well: {away}" if overall == "unhealthy" else "",
        detail={"status": overall, "components": components},
    )


def _probes(world: World) -> list[HealthProbe]:
    """Those of the scheduler, then those of the plug-ins that are on."""
    redis = world.redis
    probes: list[HealthProbe] = [Probe("mongodb", lambda: ping_mongo(world.database))]
    if redis is not None:
        probes.append(Probe("redis", lambda: ping_redis(redis)))
    return [*probes, *world.settings.system_tasks.probes(world)]


def condition(answers: list[Health]) -> str:
    """healthy, degraded or unhealthy."""
    away = {answer.name for answer in answers if not answer.healthy}
    if "mongodb" in away:
        return "unhealthy"
    return "degraded" if away else "healthy"


def _as_json(answer: Health) -> dict[str, object]:
    latency_ms = round(answer.latency / timedelta(milliseconds=1), 1)
    fields: dict[str, object] = {"status": "healthy" if answer.healthy else "unhealthy", "latency_ms": latency_ms}
    return fields | ({"message": answer.message} if answer.message else {})
