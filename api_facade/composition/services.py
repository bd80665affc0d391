"""The facade's use cases and duties, made from the settings on opened adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from falcon_scheduler.adapters.mongo.go_falcon.database import GoFalconDatabase
from falcon_scheduler.adapters.prefect.client import Client, open_client
from falcon_scheduler.adapters.prefect.engine import PrefectEngine, prefect_engine
from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.adapters.redis.wake import wake_workers
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores, open_stores, world_of
from falcon_scheduler.adapters.workforce import read_workforce
from falcon_scheduler.api_facade.composition.alerts import Alerts, make_alerts
from falcon_scheduler.api_facade.composition.ledger import LedgerServices, make_ledger
from falcon_scheduler.api_facade.composition.mirror import MirrorServices, make_mirror
from falcon_scheduler.api_facade.composition.preparation import Preparation
from falcon_scheduler.api_facade.composition.status import make_status, probes_of
from falcon_scheduler.api_facade.leader import Leader
from falcon_scheduler.api_facade.metrics.instruments import Metrics
from falcon_scheduler.api_facade.office import Office
from falcon_scheduler.api_facade.origins import origin
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.services.alerts.duty_watch import DutyWatch
from falcon_scheduler.core.services.alerts.other_scheduler import OtherSchedulerWatch
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.runs.idempotency import KeyedRequests
from falcon_scheduler.core.services.runs.run_service import RunService
from falcon_scheduler.core.services.status import StatusService
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.calendar_following import CalendarFollowing
from falcon_scheduler.core.services.tasks.calendars import Calendars
from falcon_scheduler.core.services.tasks.changes import TaskChanges
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying
from falcon_scheduler.core.services.tasks.takeover import TakeoverService
from falcon_scheduler.core.services.tasks.task_service import TaskService
from falcon_scheduler.flows.catalog import Catalog
from falcon_scheduler.flows.executors.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The use cases, on opened adapters."""

    stores: Stores
    engine: PrefectEngine
    catalog: Catalog
    tasks: TaskService
    runs: RunService
    reconcile: ReconcileService
    status: StatusService
    workforce: Callable[[], Awaitable[Workforce]]
    audit: Auditing
    takeover: TakeoverService
    alerts: Alerts
    mirror: MirrorServices
    ledger: LedgerServices
    calendars: Calendars
    metrics: Metrics
    preparation: Preparation
    leader: Leader


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """The services alone, on opened adapters; nothing happens by itself."""
    async with open_stores(settings) as stores, open_client(settings.prefect.api_url) as client:
        yield join(settings, stores, client)


def join(
    settings: Settings, stores: Stores, client: Client, workforce: Callable[[], Awaitable[Workforce]] | None = None
) -> Services:
    """Hand everything to everything that needs it. `workforce` is asked instead of Prefect and Redis when given."""
    scheduler, clock = settings.scheduler, stores.clock
    engine = prefect_engine(client, clock, wake=lambda: wake_workers(stores.redis, POOL, ""))
    plugged, world = settings.system_tasks, world_of(settings, stores)
    catalog = Catalog(Registry.load(settings), plugged.tasks)
    read = partial(read_workforce, client, stores.redis, scheduler.worker_count)
    with_queues = partial(read, queues=True) if workforce is None else workforce
    workforce = read if workforce is None else workforce
    probes = probes_of(stores, client)
    metrics = Metrics()

    audit = Auditing(entries=stores.audit, clock=clock, origin=origin)
    deploying = TaskDeploying(tasks=stores.tasks, deployments=engine.deployments, plans=engine.plans, clock=clock)
    tasks = TaskService(
        tasks=stores.tasks,
        executions=stores.executions,
        deployments=engine.deployments,
        deploying=deploying,
        catalog=catalog,
        clock=clock,
        audit=audit,
        calendars=stores.calendars,
    )
    following = CalendarFollowing(
        calendars=stores.calendars,
        tasks=stores.tasks,
        changes=TaskChanges(tasks=stores.tasks, deployments=engine.deployments, deploying=deploying),
        clock=clock,
        audit=audit,
    )
    calendars = Calendars(
        calendars=stores.calendars, tasks=stores.tasks, following=following, clock=clock, audit=audit
    )
    runs = RunService(
        tasks=stores.tasks,
        executions=stores.executions,
        runs=engine.runs,
        catalog=catalog,
        clock=clock,
        counting=stores.counting,
        switches=tasks,
        audit=audit,
        keyed=KeyedRequests(stores.keyed, clock),
        wake=lambda run_id: wake_workers(stores.redis, POOL, run_id),
        queue_size=scheduler.queue_size,
    )
    reconcile = ReconcileService(
        tasks=stores.tasks,
        executions=stores.executions,
        deployments=engine.deployments,
        runs=engine.runs,
        deploying=deploying,
        clock=clock,
        audit=audit,
        share=scheduler.watch_share,
    )
    takeover = TakeoverService(
        tasks=stores.tasks,
        foreign=GoFalconDatabase(stores.database),
        record=stores.takeovers,
        clock=clock,
        audit=audit,
        grace=scheduler.takeover_grace,
    )
    ledger = make_ledger(stores, client, with_queues, catalog.shares_process)
    alerts = make_alerts(settings, stores, engine.runs, client, workforce, ledger.explaining)
    status = make_status(settings, stores, engine.runs, probes, workforce, alerts.service)
    mirror = make_mirror(
        settings,
        stores,
        client,
        engine,
        deploying=deploying,
        reconcile=reconcile,
        audit=audit,
        alerts=alerts.service,
        observers=[alerts.rules.observe, metrics.observe],  # what only counts comes last: it refuses nothing
    )

    preparation = Preparation(settings, stores, client, audit, takeover)
    watch = DutyWatch(alerts=alerts.service, probes=probes)
    other_scheduler = OtherSchedulerWatch(
        foreign=GoFalconDatabase(stores.database), takeovers=stores.takeovers, alerts=alerts.service, clock=clock
    )
    of_plugins = plugged.duties(world, alerts.service)
    leader = Leader(
        office=Office(stores.lease),
        preparation=preparation,
        at_once=[watch.duty(), mirror.listener],
        duties=[
            *mirror.duties(),
            following.duty(),
            *ledger.duties(),
            *alerts.duties(),
            other_scheduler.duty(),
            *of_plugins,
        ],
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
        mirror=mirror,
        ledger=ledger,
        calendars=calendars,
        metrics=metrics,
        preparation=preparation,
        leader=leader,
    )
