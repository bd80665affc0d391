"""Composition root of the API process: the services behind the routes, and the duties in the background."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from falcon_scheduler.adapters.mongo.outcomes import MongoOutcomeLog
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.container import Container, compose
from falcon_scheduler.api_facade.metrics.gathering import Gathering
from falcon_scheduler.api_facade.services import open_services


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """Everything the routes need, with the duties at work in the background.

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
        at_side = [
            asyncio.create_task(services.leader.run()),
            asyncio.create_task(gathering.run()),
        ]
        try:
            yield container
        finally:
            for task in at_side:
                task.cancel()
            await asyncio.gather(*at_side, return_exceptions=True)
