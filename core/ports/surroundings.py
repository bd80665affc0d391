"""What else the services ask of the world: the time, the executors, the health of components."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from falcon_scheduler.core.errors import Fault


class Clock(Protocol):
    """The present. The only place from which the product takes the time of day."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class ExecutorCatalog(Protocol):
    """Knows which executors are registered, without running them."""

    def types(self) -> Sequence[str]:
        """Task types that a client may create."""
        ...

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        """What is wrong with a config of that type (locations start with `config` or `parameters`)."""
        ...

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[Fault]:
        """What of a run's own parameters decides where the secrets of the config go.

        Only a caller who may create or update tasks may give these.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One component's answer. `message` is empty when healthy and never holds an address."""

    name: str
    healthy: bool
    latency: timedelta
    message: str = ""


class HealthProbe(Protocol):
    """Asks one component whether it is well."""

    @property
    def name(self) -> str:
        """The component's plain name: mongodb, redis, prefect, esi."""
        ...

    async def check(self, timeout: timedelta) -> Health:
        """Never raises; an exception or no answer in time is an unhealthy answer."""
        ...
