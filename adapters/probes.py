"""Checks the health of a component within a time limit. Never raises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.core.ports import Health


class Probe:
    """See `core.ports.HealthProbe`. `ask` raises when the component is unhealthy; its result is ignored."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._ask = ask

    @property
    def name(self) -> str:
        return self._name

    async def check(self, timeout: timedelta) -> Health:
        began = time.perf_counter()
        message = ""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await self._ask()
        except TimeoutError:
            message = f"no answer in {timeout.total_seconds():g} s"
        except SchedulerError as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001 - an error is a result here; its text may contain an address
            message = type(error).__name__
        latency = timedelta(seconds=time.perf_counter() - began)
        return Health(name=self._name, healthy=not message, latency=latency, message=message)
