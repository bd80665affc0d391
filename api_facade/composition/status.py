"""What `/status` shows: the servers that the service depends on, the workers, and what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from falcon_scheduler.adapters.mongo.client import ping as ping_mongo
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.prefect.client import ping as ping_prefect
from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.redis.client import ping as ping_redis
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.system_tasks.chosen import Chosen
from falcon_scheduler.adapters.wiring import Stores, world_of
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.ports import Runs
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.status import StatusService


def probes_of(stores: Stores, client: Client) -> Sequence[Probe]:
    """The servers without which the service can't work."""
    return [
        Probe("mongodb", lambda: ping_mongo(stores.database)),
        Probe("redis", lambda: ping_redis(stores.redis)),
        Probe("prefect", lambda: ping_prefect(client)),
    ]


def make_status(
    settings: Settings,
    stores: Stores,
    runs: Runs,
    probes: Sequence[Probe],
    workforce: Callable[[], Awaitable[Workforce]],
    alerts: ServiceAlerts,
) -> StatusService:
    """Plug-ins add probes of their own."""
    plugged = settings.system_tasks
    return StatusService(
        tasks=stores.tasks,
        executions=stores.executions,
        runs=runs,
        clock=stores.clock,
        probes=[*probes, *plugged.status_probes(world_of(settings, stores))],
        workforce=workforce,
        problems=partial(_problems, alerts, plugged),
    )


async def _problems(alerts: ServiceAlerts, plugged: Chosen) -> Sequence[str]:
    """Plug-ins that can't be used, and what the open alerts say."""
    return [*plugged.problems, *await alerts.problems()]
