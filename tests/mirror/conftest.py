"""Prefect's own API, for the tests of what is done there."""

from __future__ import annotations

import pytest
from prefect.client.orchestration import PrefectClient

from tests.conftest import Scheduler


@pytest.fixture
def client(scheduler: Scheduler) -> PrefectClient:
    """Somebody at Prefect's own door."""
    return scheduler.services.engine.client
