"""The health check: MongoDB, Redis and ESI, asked at the same time, each with its latency.

Only MongoDB being away fails the task. Redis and ESI (which is down for minutes every day) make it degraded, and
nobody is to be woken for that. Source: eve-modules, "Health check", what is marked ours.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

from falcon_scheduler.adapters.mongo.client import ping as ping_mongo
from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.redis.client import ping as ping_redis
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.ports import Health
from falcon_scheduler.eve.esi.status import ask_status
from falcon_scheduler.flows.system.parameters import HealthCheckParameters, read_parameters


class HealthCheck:
    """See `flows.executors.system.SystemTask`."""

    def __init__(self, settings: Settings, stores: Stores) -> None:
        esi = settings.esi
        self._probes = [
            Probe("mongodb", lambda: ping_mongo(stores.database)),
            Probe("redis", lambda: ping_redis(stores.redis)),
            Probe("esi", lambda: ask_status(esi.base_url, esi.user_agent, esi.compatibility_date)),
        ]

    async def __call__(self, context: WorkContext) -> TaskResult:
        parameters = read_parameters(HealthCheckParameters, context)
        answers = await asyncio.gather(*(probe.check(parameters.timeout) for probe in self._probes))
        overall = condition(answers)
        components = {answer.name: _told(answer) for answer in answers}
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


def condition(answers: list[Health]) -> str:
    """healthy, degraded or unhealthy."""
    away = {answer.name for answer in answers if not answer.healthy}
    if "mongodb" in away:
        return "unhealthy"
    return "degraded" if away else "healthy"


def _told(answer: Health) -> dict[str, object]:
    latency_ms = round(answer.latency / timedelta(milliseconds=1), 1)
    told: dict[str, object] = {"status": "healthy" if answer.healthy else "unhealthy", "latency_ms": latency_ms}
    return told | ({"message": answer.message} if answer.message else {})
