"""Composition root of the facade: the container of the routes, and what works beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from falcon_scheduler.adapters.mongo.alerts import MongoRunHistory
from falcon_scheduler.adapters.mongo.outcomes import MongoOutcomeLog
from falcon_scheduler.adapters.mongo.permissions import MongoPermissions
from falcon_scheduler.adapters.prefect.run_logs import PrefectRunLogs
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.settings.shown import shown_settings
from falcon_scheduler.adapters.simulation import ProcessSimulator
from falcon_scheduler.api_facade.addresses import ClientAddresses
from falcon_scheduler.api_facade.auth.sign_in import SignInCodes
from falcon_scheduler.api_facade.broadcast import Broadcast
from falcon_scheduler.api_facade.composition.authentication import keys_of, make_authenticator
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.api_facade.container import WARNINGS_FRESH_FOR, WARNINGS_USABLE_FOR, Container
from falcon_scheduler.api_facade.heavy import HeavyWork
from falcon_scheduler.api_facade.metrics.gathering import Gathering
from falcon_scheduler.api_facade.rates import RateLimit
from falcon_scheduler.api_facade.shared_status import SharedStatus
from falcon_scheduler.core.answer_cache import AnswerCache, refreshed
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.tasks.backfill import Backfill
from falcon_scheduler.core.services.tasks.load_forecasts import LoadForecasts
from falcon_scheduler.core.services.tasks.upcoming import UpcomingRuns


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """Everything the routes need, with the leader and the metrics at work beside them.

    Opening works while servers are away; the routes then answer 503.
    """
    async with open_services(settings) as services:
        container = compose(settings, services)
        gathering = Gathering(
            services.metrics,
            status=container.status.status,
            watermark=services.stores.watermark,
            outcomes=MongoOutcomeLog(services.stores.database),
            clock=services.stores.clock,
        )
        beside = [asyncio.create_task(each.run()) for each in (services.leader, gathering)]
        try:
            yield container
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


def compose(settings: Settings, services: Services) -> Container:
    """What the routes are handed: the services, and who may use them."""
    api, stores = settings.api, services.stores
    return Container(
        tasks=services.tasks,
        upcoming=UpcomingRuns(tasks=stores.tasks, clock=stores.clock),
        forecasts=LoadForecasts(
            tasks=MongoRunHistory(stores.database).tasks,
            calendars=stores.calendars,
            workforce=services.workforce,
            simulator=ProcessSimulator(),
            clock=stores.clock,
            slots_of_a_worker=settings.scheduler.worker_count,
            http_slots_of_a_worker=settings.scheduler.http_concurrency,
            default_timezone=settings.scheduler.timezone,
        ),
        runs=services.runs,
        ledger=services.ledger.ledger,
        explaining=services.ledger.explaining,
        backfill=Backfill(tasks=stores.tasks, ledger=stores.ledger, clock=stores.clock, audit=services.audit),
        calendars=services.calendars,
        reconcile=services.reconcile,
        status=SharedStatus(services.status),
        audit=services.audit,
        alerts=services.alerts.delivery,
        catalog=services.catalog,
        authenticator=make_authenticator(api, MongoPermissions(stores.database)),
        sign_in_codes=SignInCodes(keys_of(api), stores.keyed, stores.clock),
        broadcast=Broadcast(stores.events),
        run_logs=PrefectRunLogs(services.engine.client),
        workforce=services.workforce,
        clock=stores.clock,
        metrics=services.metrics,
        warnings=AnswerCache(
            lambda _: _warnings(services.workforce), refreshed(WARNINGS_FRESH_FOR, WARNINGS_USABLE_FOR)
        ),
        rates=RateLimit(api.api_rate_limit or None),
        heavy=HeavyWork(),
        addresses=ClientAddresses(api.api_trusted_proxies),
        settings=shown_settings(settings),
        default_timezone=settings.scheduler.timezone,
    )


async def _warnings(workforce: Callable[[], Awaitable[Workforce]]) -> Sequence[str]:
    try:
        problem = (await workforce()).problem
    except Unavailable:  # what was asked for is kept all the same; only this is not known
        return ()
    return [problem] if problem else []
