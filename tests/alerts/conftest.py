"""Alerts on a database of the test's own, with real tasks and runs in it, and a receiver for the messages.

A bench represents one facade: its rules and its deliveries. Its clock can be moved on, so that nobody waits for the
hours after which a message is given up.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import pytest_asyncio
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.alerts.channels import channels_of
from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.prefect.client import Client, open_client
from falcon_scheduler.adapters.settings import AlertSettings, SchedulerSettings, Settings
from falcon_scheduler.adapters.wiring import Stores, open_stores
from falcon_scheduler.api_facade.composition.alerts import Alerts, make_alerts
from falcon_scheduler.api_facade.composition.ledger import make_ledger
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.alert import Alert
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.domain.workforce import OnlineWorker, Workforce
from falcon_scheduler.core.ports.alerts import AlertStore
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from tests.alerts.receiver import Receiver, receiving

Database = AsyncDatabase[dict[str, Any]]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The example of Standard Webhooks."""

_numbers = itertools.count(1)


ONE_WORKER = Workforce(workers=(OnlineWorker(name="one", slots=1),))
NOBODY = Workforce(workers=())


@dataclass
class MovableClock:
    """The time of day, plus what the test adds."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Crew:
    """The workers that a bench's facades see, as many as the test says."""

    workforce: Workforce = ONE_WORKER

    async def __call__(self) -> Workforce:
        return self.workforce


@dataclass
class Bench:
    """One facade's alerts; `another` makes the next facade's."""

    stores: Stores
    clock: MovableClock
    alerts: Alerts
    another: Callable[[], Bench]
    crew: Crew

    @property
    def store(self) -> MongoAlertStore:
        return MongoAlertStore(self.stores.database)

    async def task(self, **fields: Any) -> Task:
        """A task that was made two hours ago and is due each day at a time far away."""
        definition = {"name": f"task {next(_numbers)}", "type": "http", "schedule": "@yearly"}
        definition |= {name: fields.pop(name) for name in list(fields) if name in TaskDefinition.__dataclass_fields__}
        ago = self.clock.now() - timedelta(hours=2)
        whose = {"created_at": ago, "updated_at": ago, "created_by": "me", "updated_by": "me", "source": Source.API}
        task = Task(id=str(uuid.uuid4()), definition=TaskDefinition(**definition), **{**whose, **fields})  # type: ignore[arg-type]
        return await self.stores.tasks.insert(task)

    async def end(self, task: Task, *outcomes: bool, is_heard: bool = True, **fields: Any) -> None:
        """Runs of the task ended so, and are reported to the alerts unless `is_heard` is false."""
        error = fields.pop("error", "it went wrong")
        for succeeded in outcomes:
            began_at = self.clock.now()
            run = Execution(
                id=str(uuid.uuid4()),
                task_id=task.id,
                status=ExecutionStatus.RUNNING,
                started_at=began_at,
                trigger=Trigger.SCHEDULE,
            )
            run = replace(run, **fields)
            status = ExecutionStatus.COMPLETED if succeeded else ExecutionStatus.FAILED
            run = run.ended(status, began_at + timedelta(seconds=1), error="" if succeeded else error)
            await self.stores.counting.finish(run)
            self.clock.ahead += timedelta(seconds=2)
            if is_heard:
                await self.alerts.rules.observe([(await self.stores.tasks.get(task.id), run)])

    async def look(self, times: int = 1) -> None:
        """Looks of a facade that has been at work for more than a minute."""
        await self.alerts.rules.look()
        for _ in range(times):
            self.clock.ahead += timedelta(seconds=61)
            await self.alerts.rules.look()

    async def deliver(self) -> None:
        """One round of every channel."""
        for channel in self.alerts.delivery.channels:
            await self.alerts.delivery.deliver(channel)

    async def opened(self) -> list[Alert]:
        return list(await self.store.opened())


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def prefect(settings: Settings) -> AsyncIterator[Client]:
    async with open_client(settings.prefect.api_url) as client:
        yield client


Open = Callable[..., Bench]


@pytest_asyncio.fixture
async def bench(settings: Settings, services: Services, prefect: Client) -> AsyncIterator[Open]:
    """Makes benches that share a database, by the variables that their facade is given."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    own = replace(settings, mongo=settings.mongo.model_copy(update={"database": name}))
    async with open_stores(own) as stores:
        await ensure_indexes(stores.database)

        at_work = Crew()

        def make(**variables: Any) -> Bench:
            given = {"prefect_events": False, "webhook_secret": SECRET, **variables}
            clock = MovableClock()
            watched = replace(stores, clock=clock)  # type: ignore[arg-type]
            facade = replace(own, alerts=AlertSettings(**given))
            explaining = make_ledger(watched, prefect, at_work, services.catalog.shares_process).explaining
            alerts = make_alerts(facade, watched, services.engine.runs, prefect, at_work, explaining)

            def another() -> Bench:
                next_one = make(**variables)
                next_one.clock.ahead = clock.ahead
                return next_one

            return Bench(watched, clock, alerts, another, at_work)

        yield make
        await stores.database.client.drop_database(name)


@pytest.fixture
def delivery_of(prefect: Client) -> Callable[..., AlertDelivery]:
    """Deliveries alone, without a database, by the variables that their facade is given."""

    def make(**variables: Any) -> AlertDelivery:
        clock = MovableClock()
        allow: Sequence[str] = variables.pop("http_allow", ("127.0.0.0/8",))
        given = AlertSettings(**{"prefect_events": False, "webhook_secret": SECRET, **variables})
        scheduler = SchedulerSettings(http_allow=tuple(allow))
        channels = channels_of(given, scheduler, client=prefect, clock=clock)
        return AlertDelivery(
            alerts=cast("AlertStore", None),
            channels=channels,
            clock=clock,
            timeout=given.timeout,
            give_up_after=timedelta(hours=1),
        )

    return make
