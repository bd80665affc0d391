"""A stand of its own for the faults: all servers, two facades and two workers, as real processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest_asyncio
from prefect.context import refresh_global_settings_context

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.composition.services import open_services
from tests.chaos.stand import FACADES, Stand
from tests.conftest import ADMIN, PATIENCE_SECONDS, Scheduler, exists

SECRET = "a secret that only these tests know, at least 32 bytes"
OWN = {
    "SCHEDULER_PLUGINS": "tests.plugins",
    "SCHEDULER_HTTP_ALLOW": "127.0.0.0/8",
    "SCHEDULER_CANCEL_GRACE": "3s",
    "SCHEDULER_WORKER_COUNT": "4",
    "JWT_SECRET": SECRET,
}


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Values in our environment for a moment."""
    before = dict(os.environ)
    os.environ.update(values)
    refresh_global_settings_context()  # Prefect reads its settings when it is imported
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        refresh_global_settings_context()


@pytest_asyncio.fixture(scope="package")
async def stand(tmp_path_factory: object) -> AsyncIterator[Stand]:
    home = Path(tmp_path_factory.mktemp("stand"))  # type: ignore[attr-defined]
    stand = Stand(home)
    with environment(OWN):
        settings = Settings.load()
    stand.environment.update(OWN)
    async with stand.running(settings):
        yield stand


@pytest_asyncio.fixture
async def shop(stand: Stand) -> AsyncIterator[Scheduler]:
    """The services on the stand's servers, opened for one test; the duties are the facades' alone."""
    with environment(stand.environment):  # for as long, since Prefect's client looks its password up there
        async with open_services(Settings.load()) as services:
            scheduler = Scheduler(services)
            yield scheduler
            for task_id in scheduler.made:
                if await exists(services, task_id):
                    await services.runs.stop(task_id, ADMIN)
                    await services.tasks.delete(task_id, ADMIN)


@pytest_asyncio.fixture
async def api(stand: Stand) -> AsyncIterator[httpx.AsyncClient]:
    """The first facade's REST API, as a super admin."""
    bearer = Bearer("faults", 1, "Faults", is_super_admin=True)
    token = mint_token(SECRET, bearer, issued_at=datetime.now(UTC), ttl=timedelta(hours=2))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=stand.facade_urls()[0], headers=headers, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


__all__ = ["FACADES"]
