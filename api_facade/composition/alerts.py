"""Joins what alerts are made of: rules, store and channels, and what is to be repeated for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from falcon_scheduler.adapters.alerts.channels import channels_of
from falcon_scheduler.adapters.mongo.alerts import MongoRunHistory
from falcon_scheduler.adapters.mongo.announcing import AnnouncingAlertStore
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.core.domain.alert_rules import AlertPolicy
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.ports import Runs
from falcon_scheduler.core.services.alerts.alerting import Alerting
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.alerts.worker_watch import WorkerWatch
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.ledger.explaining import Explaining

AskWorkforce = Callable[[], Awaitable[Workforce]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """The parts that open alerts, and the parts that send them."""

    rules: Alerting
    service: ServiceAlerts
    delivery: AlertDelivery

    def duties(self) -> Sequence[Duty]:
        """What is to be repeated, each by itself."""
        return [self.rules.duty(), *self.delivery.duties()]


def make_alerts(
    settings: Settings,
    stores: Stores,
    runs: Runs,
    client: Client,
    workforce: AskWorkforce,
    explaining: Explaining,
) -> Alerts:
    """As the settings say."""
    thresholds = settings.alerts
    store = AnnouncingAlertStore(stores.database, stores.events)
    channels = channels_of(thresholds, settings.scheduler, client=client, clock=stores.clock)
    names = [channel.name for channel in channels]
    service = ServiceAlerts(alerts=store, clock=stores.clock, channels=names)
    rules = Alerting(
        tasks=stores.tasks,
        executions=stores.executions,
        history=MongoRunHistory(stores.database),
        runs=runs,
        workers=WorkerWatch(alerts=service, workforce=workforce, clock=stores.clock),
        alerts=store,
        watermark=stores.watermark,
        clock=stores.clock,
        policy=AlertPolicy(
            failures_in_a_row=thresholds.failures_in_a_row,
            failure_rate=thresholds.failure_rate,
            failure_rate_runs=thresholds.failure_rate_runs,
            late_after=thresholds.late_after,
            stale_after=settings.scheduler.stale_timeout,
        ),
        channels=names,
        queue_threshold=max(round(thresholds.queue_share * settings.scheduler.queue_size), 1),
        keep_for=settings.scheduler.retention,
        explaining=explaining,
    )
    delivery = AlertDelivery(
        alerts=store,
        channels=channels,
        clock=stores.clock,
        timeout=thresholds.timeout,
        give_up_after=thresholds.give_up_after,
    )
    return Alerts(rules=rules, service=service, delivery=delivery)
