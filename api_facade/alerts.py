"""Joins what alerts are made of: rules, store and channels, and what is to be repeated for them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from falcon_scheduler.adapters.alerts.channels import channels_of
from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore, MongoRunHistory
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.core.domain.alert_rules import AlertPolicy
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.ports import RunEngine
from falcon_scheduler.core.services.alerts.alerting import LOOK_INTERVAL, Alerting
from falcon_scheduler.core.services.alerts.delivery import DELIVERY_INTERVAL, AlertDelivery
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.alerts.worker_watch import WorkerWatch

AskWorkforce = Callable[[], Awaitable[Workforce]]
UNKNOWN_INTERVAL = timedelta(seconds=30)
REST_SHARE = 9
"""After a look there is none for this many times the time that it took."""


class Unhurried:
    """A duty that is left out after it took long: of thousands of tasks a look is work for seconds."""

    def __init__(self, duty: Callable[[], Awaitable[None]]) -> None:
        self._duty = duty
        self._rests_until = 0.0

    async def __call__(self) -> None:
        began_at = time.monotonic()
        if began_at < self._rests_until:
            return
        await self._duty()
        ended_at = time.monotonic()
        self._rests_until = ended_at + REST_SHARE * (ended_at - began_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """What opens alerts, and what tells of them."""

    rules: Alerting
    service: ServiceAlerts
    delivery: AlertDelivery

    def duties(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]], timedelta]]:
        """What is to be repeated, each by itself: name, what, and the pause between two."""
        yield "look for what did not happen", Unhurried(self.rules.look), LOOK_INTERVAL
        for channel in self.delivery.channels:
            yield f"send alerts to {channel}", lambda name=channel: self.delivery.deliver(name), DELIVERY_INTERVAL  # type: ignore[misc]
        yield "look after alerts to unknown channels", self.delivery.fail_unknown, UNKNOWN_INTERVAL


def make_alerts(
    settings: Settings, stores: Stores, engine: RunEngine, client: Client, workforce: AskWorkforce
) -> Alerts:
    """As the settings say."""
    thresholds = settings.alerts
    store = MongoAlertStore(stores.database)
    channels = channels_of(thresholds, settings.scheduler, client=client, clock=stores.clock)
    names = [channel.name for channel in channels]
    service = ServiceAlerts(alerts=store, clock=stores.clock, channels=names)
    rules = Alerting(
        tasks=stores.tasks,
        executions=stores.executions,
        history=MongoRunHistory(stores.database),
        engine=engine,
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
    )
    delivery = AlertDelivery(
        alerts=store,
        channels=channels,
        clock=stores.clock,
        timeout=thresholds.timeout,
        give_up_after=thresholds.give_up_after,
    )
    return Alerts(rules=rules, service=service, delivery=delivery)
