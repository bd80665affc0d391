"""Whether a server answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One component's answer. `message` is empty when healthy and never holds an address."""

    name: str
    healthy: bool
    latency: timedelta
    message: str = ""


class HealthProbe(Protocol):
    """Checks whether one component is healthy."""

    @property
    def name(self) -> str:
        """The component's plain name: mongodb, redis, prefect, esi."""
        ...

    async def check(self, timeout: timedelta) -> Health:
        """Never raises; an exception or no answer in time is an unhealthy answer."""
        ...
