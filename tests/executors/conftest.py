"""A registry whose tasks may call this machine, and a server that misbehaves on request."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.executors.bench import Bench, bench_allowing
from tests.executors.web_server import WebServer, serving


@pytest.fixture
def bench() -> Bench:
    """A registry whose tasks may call this machine."""
    return bench_allowing("127.0.0.0/8")


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    """The misbehaving server."""
    async with serving() as server:
        yield server
