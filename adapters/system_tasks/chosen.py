"""The plug-ins and tasks that are on, and what they bring to the facade and to a health check."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.system_tasks.interface import SystemTask, SystemTaskPlugin, World
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a plug-in could not be loaded: a sentence for everybody, and what was raised, for the log."""

    reason: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Chosen:
    """The plug-ins of this process after `SCHEDULER_SYSTEM_TASKS` was applied."""

    plugins: Mapping[str, SystemTaskPlugin]
    """Those of which at least one task is on, by the name of their entry point."""
    tasks: Mapping[str, SystemTask]
    """Those that are on, by id."""
    left_out: frozenset[str]
    """Ids of those that are installed and not on."""
    failures: Mapping[str, Failure]
    """By the name of the plug-in."""

    @property
    def problems(self) -> Sequence[str]:
        """A sentence for each plug-in that could not be loaded."""
        return [
            f"Plug-in {name!r} of system tasks can't be used: {each.reason}" for name, each in self.failures.items()
        ]

    def probes(self, world: World) -> Sequence[Probe]:
        """What a health check asks besides MongoDB and Redis."""
        makers = ((name, plugin.health_probes) for name, plugin in self.plugins.items())
        return [*self.status_probes(world), *(probe for each in makers for probe in _made(*each, world))]

    def status_probes(self, world: World) -> Sequence[Probe]:
        """What each `GET /status` asks too."""
        makers = ((name, plugin.status_probes) for name, plugin in self.plugins.items())
        return [probe for each in makers for probe in _made(*each, world)]

    def duties(self, world: World, alerts: ServiceAlerts) -> Sequence[Duty]:
        """What the leading facade repeats for the plug-ins."""
        duties: list[Duty] = []
        for name, plugin in self.plugins.items():
            try:
                duties += plugin.duties(world, alerts)
            except Exception:  # the facade's own duties are done all the same
                logger.exception("Plug-in %r of system tasks could not name its duties", name)
        return duties

    async def prepare(self, world: World) -> None:
        """Let each plug-in make what its tasks need. What goes wrong with one is logged and stops no other."""
        for name, plugin in self.plugins.items():
            try:
                await plugin.prepare(world)
            except Exception:
                logger.exception("Plug-in %r of system tasks could not prepare what its tasks need", name)

    def log_problems(self, log: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        """Log each of them with what was raised."""
        for sentence, failure in zip(self.problems, self.failures.values(), strict=True):
            log.error("%s", sentence, exc_info=failure.error)


def _made(name: str, make: Callable[[World], Sequence[Probe]], world: World) -> Sequence[Probe]:
    """The probes of a plug-in. If it can't even make them, one that says so, under the plug-in's name."""
    try:
        return list(make(world))
    except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and the others are asked all the same
        raised = error

        async def fail() -> None:
            raise raised

        return [Probe(name, fail)]
