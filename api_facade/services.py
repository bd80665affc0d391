"""Settings to services: every use case on its opened adapters. The facade, its command line and the tests use it."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from falcon_scheduler.adapters.mongo.client import TASKS, ensure_indexes
from falcon_scheduler.adapters.mongo.client import ping as ping_mongo
from falcon_scheduler.adapters.mongo.go_falcon.database import GoFalconDatabase
from falcon_scheduler.adapters.mongo.go_falcon.migration import GoFalconMigration
from falcon_scheduler.adapters.mongo.outcomes import MongoOutcomeLog
from falcon_scheduler.adapters.prefect.client import Client, ensure_foundation, open_client
from falcon_scheduler.adapters.prefect.client import ping as ping_prefect
from falcon_scheduler.adapters.prefect.engine import PrefectRunEngine
from falcon_scheduler.adapters.prefect.feed import PrefectChangeFeed
from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.adapters.prefect.planning_probe import PlanningProbe
from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.redis.client import ping as ping_redis
from falcon_scheduler.adapters.redis.wake import wake_workers
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores, open_stores
from falcon_scheduler.adapters.workforce import read_workforce
from falcon_scheduler.api_facade.alerts import Alerts, make_alerts
from falcon_scheduler.api_facade.leader import Leader
from falcon_scheduler.api_facade.metrics.instruments import Metrics
from falcon_scheduler.api_facade.origins import origin
from falcon_scheduler.core.domain.alert import DEGRADING, AlertKind
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.alerts.duty_watch import DutyWatch
from falcon_scheduler.core.services.alerts.other_scheduler import OtherSchedulerWatch
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.mirror.cleanup import Cleanup
from falcon_scheduler.core.services.mirror.deployment_watch import DeploymentWatch
from falcon_scheduler.core.services.mirror.mending import Mending
from falcon_scheduler.core.services.mirror.mirror import Mirror
from falcon_scheduler.core.services.mirror.news import NewsFollower, NewsListener, NewsQueue
from falcon_scheduler.core.services.mirror.outcomes import OutcomeFeed
from falcon_scheduler.core.services.mirror.plan_watch import PlanWatch
from falcon_scheduler.core.services.mirror.planner_watch import PlannerWatch
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.mirror.rescuer import Rescuer
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.runs.idempotency import KeyedRequests
from falcon_scheduler.core.services.runs.run_service import RunService
from falcon_scheduler.core.services.status import StatusService
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.seeding import SERVICE, Seeding
from falcon_scheduler.core.services.tasks.takeover import TakeoverService
from falcon_scheduler.core.services.tasks.task_service import TaskService
from falcon_scheduler.deployments.system_tasks import SYSTEM_TASKS
from falcon_scheduler.eve.services.refresher_watch import OtherRefresherWatch
from falcon_scheduler.eve.stores.other_refresher import MongoOtherRefresher
from falcon_scheduler.flows.catalog import Catalog
from falcon_scheduler.flows.executors.registry import Registry
from falcon_scheduler.flows.worker import WarmProcessWorker

logger = logging.getLogger(__name__)


PREPARATION_INTERVAL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorServices:
    """What keeps the history and the engine equal; the duties of the leader do it."""

    history: Mirror
    rescuer: Rescuer
    mending: Mending
    plan: PlanWatch
    retention: RetentionService
    outcomes: OutcomeFeed


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases, on opened adapters."""

    stores: Stores
    engine: PrefectRunEngine
    catalog: Catalog
    tasks: TaskService
    runs: RunService
    reconcile: ReconcileService
    status: StatusService
    workforce: Callable[[], Awaitable[Workforce]]
    audit: Auditing
    takeover: TakeoverService
    alerts: Alerts
    metrics: Metrics
    mirror: MirrorServices
    preparation: Duty
    leader: Leader


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The services alone; nothing happens by itself."""
    async with open_stores(settings) as stores, open_client(settings.prefect.api_url) as client:
        yield join(settings, stores, client)


def join(
    settings: Settings, stores: Stores, client: Client, workforce: Callable[[], Awaitable[Workforce]] | None = None
) -> Services:
    """Hand everything to everything that needs it. `workforce` is asked instead of Prefect and Redis when given."""
    engine = PrefectRunEngine(client, stores.clock, wake=lambda: wake_workers(stores.redis, POOL, ""))
    catalog = Catalog(Registry.load(settings))
    audit = Auditing(entries=stores.audit, clock=stores.clock, origin=origin)
    reconcile = ReconcileService(
        tasks=stores.tasks, executions=stores.executions, engine=engine, clock=stores.clock, audit=audit
    )
    tasks = TaskService(
        tasks=stores.tasks,
        executions=stores.executions,
        engine=engine,
        catalog=catalog,
        clock=stores.clock,
        audit=audit,
    )
    runs = RunService(
        tasks=stores.tasks,
        executions=stores.executions,
        engine=engine,
        catalog=catalog,
        clock=stores.clock,
        counting=stores.counting,
        switches=tasks,
        audit=audit,
        keyed=KeyedRequests(stores.keyed, stores.clock),
        wake=lambda run_id: wake_workers(stores.redis, POOL, run_id),
        queue_size=settings.scheduler.queue_size,
    )
    workforce = workforce or partial(read_workforce, client, stores.redis, settings.scheduler.worker_count)
    alerts = make_alerts(settings, stores, engine, client, workforce)
    probes = [
        Probe("mongodb", lambda: ping_mongo(stores.database)),
        Probe("redis", lambda: ping_redis(stores.redis)),
        Probe("prefect", lambda: ping_prefect(client)),
    ]
    status = StatusService(
        tasks=stores.tasks,
        executions=stores.executions,
        engine=engine,
        clock=stores.clock,
        probes=probes,
        workforce=workforce,
        problems=lambda: _problems(alerts.service),
    )
    takeover = TakeoverService(
        tasks=stores.tasks,
        foreign=GoFalconDatabase(stores.database),
        record=stores.takeovers,
        clock=stores.clock,
        audit=audit,
        grace=settings.scheduler.takeover_grace,
    )
    metrics = Metrics()
    mirror = _mirror(settings, stores, engine, reconcile, alerts, metrics)
    preparation = Periodic("prepare", lambda: prepare(stores, client, audit, takeover), PREPARATION_INTERVAL)
    watch = DutyWatch(alerts=alerts.service, probes=probes)
    news = NewsQueue()
    deployments = DeploymentWatch(
        engine=engine, follow=reconcile.follow, left=reconcile.left, share=settings.scheduler.watch_share
    )
    duties = [
        NewsFollower(
            news, mirror=mirror.history, engine=engine, reconcile=reconcile, note_deployments=deployments.note
        ),
        deployments,
        mirror.rescuer.duty(),
        mirror.mending.duty(),
        mirror.history.duty(),
        mirror.plan.duty(),
        PlannerWatch(probe=PlanningProbe(client, stores.clock), alerts=alerts.service).duty(),
        reconcile.duty(),
        OtherRefresherWatch(
            record=MongoOtherRefresher(stores.database), alerts=alerts.service, clock=stores.clock
        ).duty(),
        OtherSchedulerWatch(
            foreign=GoFalconDatabase(stores.database),
            takeovers=stores.takeovers,
            alerts=alerts.service,
            clock=stores.clock,
        ).duty(),
        Cleanup(
            retention=mirror.retention,
            audit=audit,
            keep_for=settings.scheduler.retention,
            keep_audit_for=settings.scheduler.audit_retention,
            interval=settings.scheduler.cleanup_interval,
        ).duty(),
        mirror.outcomes.duty(),
        *alerts.duties(),
    ]
    leader = Leader(
        lease=stores.lease,
        holder=_holder(),
        preparation=preparation,
        duties=duties,
        at_once=[watch.duty(), NewsListener(PrefectChangeFeed(settings.prefect.api_url), news)],
        watch=watch,
        note_leading=metrics.show_leading,
    )
    return Services(
        stores=stores,
        engine=engine,
        catalog=catalog,
        tasks=tasks,
        runs=runs,
        reconcile=reconcile,
        status=status,
        workforce=workforce,
        audit=audit,
        takeover=takeover,
        alerts=alerts,
        metrics=metrics,
        mirror=mirror,
        preparation=preparation,
        leader=leader,
    )


def _holder() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


async def _problems(alerts: ServiceAlerts) -> Sequence[str]:
    """What the open alerts say; whether there is a worker is looked at anew each time."""
    return [each.text for each in await alerts.opened(DEGRADING - {AlertKind.NO_WORKER})]


async def prepare(stores: Stores, client: Client, audit: Auditing, takeover: TakeoverService) -> None:
    """Make what everything stands on: indexes, the work pool, the system tasks. Safe to repeat and to race."""
    await ensure_indexes(stores.database)
    if await takeover.take_over(SERVICE) is None:
        await _warn_of_other_databases(stores)
    await ensure_foundation(client, WarmProcessWorker.get_default_base_job_template())
    await Seeding(tasks=stores.tasks, clock=stores.clock, audit=audit).seed(SYSTEM_TASKS)


async def _warn_of_other_databases(stores: Stores) -> None:
    """An empty database beside one that holds tasks is most likely the wrong one."""
    if await stores.database[TASKS].find_one({}, {"_id": 1}) is not None:
        return
    try:
        others = await GoFalconMigration(stores.database).other_databases()
    except Unavailable:  # whoever may not list databases learns nothing of others
        return
    if others:
        logger.warning(
            "Database %r is empty, and %s of the same server hold scheduler tasks; MONGODB_DATABASE chooses",
            stores.database.name,
            ", ".join(map(repr, others)),
        )


def _mirror(
    settings: Settings,
    stores: Stores,
    engine: PrefectRunEngine,
    reconcile: ReconcileService,
    alerts: Alerts,
    metrics: Metrics,
) -> MirrorServices:
    outcomes = OutcomeFeed(
        log=MongoOutcomeLog(stores.database),
        tasks=stores.tasks,
        watermark=stores.watermark,
        clock=stores.clock,
        observers=[alerts.rules.observe, metrics.observe],  # what only counts comes last: it refuses nothing
    )
    counting = OutcomeCounting(stores.tasks, stores.executions, told=outcomes.note)
    history = Mirror(
        tasks=stores.tasks,
        executions=stores.executions,
        engine=engine,
        locks=stores.locks,
        counting=counting,
        watermark=stores.watermark,
        clock=stores.clock,
    )
    return MirrorServices(
        history=history,
        rescuer=Rescuer(
            tasks=stores.tasks,
            executions=stores.executions,
            engine=engine,
            counting=counting,
            mirror=history,
            clock=stores.clock,
            stale_timeout=settings.scheduler.stale_timeout,
        ),
        plan=PlanWatch(
            tasks=stores.tasks,
            engine=engine,
            watermark=stores.watermark,
            clock=stores.clock,
            keep_for=settings.scheduler.retention,
            follow=reconcile.follow,
        ),
        mending=Mending(tasks=stores.tasks, engine=engine, mirror=history, alerts=alerts.service),
        retention=RetentionService(
            tasks=stores.tasks,
            executions=stores.executions,
            engine=engine,
            clock=stores.clock,
            takeovers=stores.takeovers,
            takeover_grace=settings.scheduler.takeover_grace,
        ),
        outcomes=outcomes,
    )
