"""Joins what keeps the history and the engine equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falcon_scheduler.adapters.mongo.outcomes import MongoOutcomeLog
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.prefect.engine import PrefectEngine
from falcon_scheduler.adapters.prefect.feed import PrefectChangeFeed
from falcon_scheduler.adapters.prefect.planning_probe import PlanningProbe
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.mirror.cleanup import Cleanup
from falcon_scheduler.core.services.mirror.deployment_watch import DeploymentWatch
from falcon_scheduler.core.services.mirror.ended_schedules import EndedSchedules
from falcon_scheduler.core.services.mirror.mending import Mending
from falcon_scheduler.core.services.mirror.mirror import Mirror
from falcon_scheduler.core.services.mirror.news import NewsFollower, NewsListener, NewsQueue
from falcon_scheduler.core.services.mirror.outcomes import Observer, OutcomeFeed
from falcon_scheduler.core.services.mirror.owed_runs import OwedRuns
from falcon_scheduler.core.services.mirror.plan_watch import PlanWatch
from falcon_scheduler.core.services.mirror.planner_watch import PlannerWatch
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.mirror.rescuer import Rescuer
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.core.services.runs.counting import OutcomeCounting
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorServices:
    """The services; `duties` does their work again and again."""

    listener: NewsListener
    follower: NewsFollower
    deployments: DeploymentWatch
    history: Mirror
    rescuer: Rescuer
    mending: Mending
    plan: PlanWatch
    endings: EndedSchedules
    owed: OwedRuns
    planner: PlannerWatch
    reconcile: ReconcileService
    retention: RetentionService
    cleanup: Cleanup
    outcomes: OutcomeFeed

    def duties(self) -> Sequence[Duty]:
        """What the leader repeats once it has prepared; the listener needs no preparation."""
        return [
            self.follower,
            self.deployments,
            self.rescuer.duty(),
            self.mending.duty(),
            self.history.duty(),
            self.plan.duty(),
            self.endings.duty(),
            self.owed.duty(),
            self.planner.duty(),
            self.reconcile.duty(),
            self.cleanup.duty(),
            self.outcomes.duty(),
        ]


def make_mirror(
    settings: Settings,
    stores: Stores,
    client: Client,
    engine: PrefectEngine,
    *,
    deploying: TaskDeploying,
    reconcile: ReconcileService,
    audit: Auditing,
    alerts: ServiceAlerts,
    observers: Sequence[Observer],
) -> MirrorServices:
    """As the settings say. The observers are given each outcome, one after the other."""
    tasks, executions, clock, watermark = stores.tasks, stores.executions, stores.clock, stores.watermark
    scheduler = settings.scheduler
    outcomes = OutcomeFeed(
        log=MongoOutcomeLog(stores.database), tasks=tasks, watermark=watermark, clock=clock, observers=observers
    )
    counting = OutcomeCounting(tasks, executions, on_counted=outcomes.note)
    history = Mirror(
        tasks=tasks,
        executions=executions,
        runs=engine.runs,
        locks=stores.locks,
        counting=counting,
        watermark=watermark,
        clock=clock,
    )
    rescuer = Rescuer(
        tasks=tasks,
        executions=executions,
        runs=engine.runs,
        counting=counting,
        mirror=history,
        clock=clock,
        stale_timeout=scheduler.stale_timeout,
    )
    plan = PlanWatch(
        tasks=tasks,
        deployments=engine.deployments,
        plans=engine.plans,
        runs=engine.runs,
        deploying=deploying,
        watermark=watermark,
        clock=clock,
        keep_for=scheduler.retention,
        follow=reconcile.follow,
    )
    retention = RetentionService(
        tasks=tasks,
        executions=executions,
        runs=engine.runs,
        clock=clock,
        takeovers=stores.takeovers,
        takeover_grace=scheduler.takeover_grace,
    )
    cleanup = Cleanup(
        retention=retention,
        audit=audit,
        ledger=stores.ledger,
        clock=clock,
        keep_for=scheduler.retention,
        keep_audit_for=scheduler.audit_retention,
        interval=scheduler.cleanup_interval,
    )
    news = NewsQueue()
    deployments = DeploymentWatch(
        deployments=engine.deployments,
        follow=reconcile.follow,
        left=reconcile.left,
        share=scheduler.watch_share,
    )
    return MirrorServices(
        listener=NewsListener(PrefectChangeFeed(settings.prefect.api_url), news),
        follower=NewsFollower(
            news,
            mirror=history,
            runs=engine.runs,
            deployments=engine.deployments,
            reconcile=reconcile,
            note_deployments=deployments.note,
        ),
        deployments=deployments,
        history=history,
        rescuer=rescuer,
        mending=Mending(tasks=tasks, runs=engine.runs, unreadable=engine.unreadable, mirror=history, alerts=alerts),
        plan=plan,
        owed=OwedRuns(tasks=tasks, plans=engine.plans, runs=engine.runs, watermark=watermark, clock=clock),
        endings=EndedSchedules(
            tasks=tasks,
            executions=executions,
            runs=engine.runs,
            deployments=engine.deployments,
            deploying=deploying,
            watermark=watermark,
            clock=clock,
            audit=audit,
        ),
        planner=PlannerWatch(probe=PlanningProbe(client, clock), alerts=alerts),
        reconcile=reconcile,
        retention=retention,
        cleanup=cleanup,
        outcomes=outcomes,
    )
