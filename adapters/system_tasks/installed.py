"""Loads the plug-ins that are installed, once per process, and chooses those that are on.

A plug-in that can't be loaded stops nothing: it is logged and shown, and its tasks stay in the store, disabled.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel, ValidationError

from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.system_tasks.interface import SystemTask, SystemTaskPlugin, World
from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.core.errors import Fault, SchedulerError
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.tasks.validation import definition_faults

logger = logging.getLogger(__name__)

GROUP = "falcon_scheduler.system_tasks"
OWN_DISTRIBUTION = "falcon-scheduler"
HOUSEKEEPING = "housekeeping"
"""The plug-in that brings the scheduler's own tasks."""

_ID = re.compile(rf"{SYSTEM_ID_PREFIX}[a-z0-9]+(-[a-z0-9]+)*")
_PLUGIN_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_LONGEST_ID = 100


class StaleInstallation(SchedulerError):
    """This package's metadata is older than its code."""

    code = "stale_installation"

    def __init__(self) -> None:
        super().__init__(
            f"The installed falcon-scheduler lists no system tasks (entry point group {GROUP}): it was installed "
            "before they became plug-ins. Install it again: `make install`, or `pip install --no-deps --editable .`"
        )


class PluginRefused(SchedulerError):
    """A plug-in is not what it should be. The text is ours and safe to show."""

    code = "plugin_refused"


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


@dataclass(frozen=True, slots=True)
class Installed:
    """Every plug-in that is installed, whether it is on or not."""

    plugins: Mapping[str, SystemTaskPlugin]
    failures: Mapping[str, Failure]

    @property
    def tasks(self) -> Mapping[str, SystemTask]:
        """Every task by id, in the order of the plug-ins."""
        return {task.id: task for plugin in self.plugins.values() for task in plugin.tasks}

    def chosen(self, names: Sequence[str]) -> Chosen:
        """The plug-ins and tasks that the names turn on: names of plug-ins, or ids of tasks. None turns on all.

        Raises:
            ValueError: a name is neither, and can't be of a plug-in that could not be loaded.
        """
        for name in names:
            self._check(name)
        on = {
            task.id: task
            for name, plugin in self.plugins.items()
            for task in plugin.tasks
            if not names or name in names or task.id in names
        }
        plugins = {
            name: plugin for name, plugin in self.plugins.items() if any(task.id in on for task in plugin.tasks)
        }
        return Chosen(plugins, on, frozenset(self.tasks.keys() - on.keys()), self.failures)

    def _check(self, name: str) -> None:
        known = {*self.plugins, *self.failures, *self.tasks}
        may_be_of_a_failed_one = self.failures and name.startswith(SYSTEM_ID_PREFIX)
        if name not in known and not may_be_of_a_failed_one:
            names = ", ".join([*self.plugins, *self.failures])
            raise ValueError(f"{name!r} is neither an installed plug-in ({names}) nor a task of one")


@lru_cache(maxsize=1)
def installed() -> Installed:
    """Load every plug-in, the scheduler's own first. Later calls answer from memory.

    Raises:
        StaleInstallation: not even the scheduler's own are listed.
    """
    points = sorted(entry_points(group=GROUP), key=_order)
    if not any(_is_own(point) for point in points):
        raise StaleInstallation
    return load(points)


def load(points: Iterable[EntryPoint]) -> Installed:
    """Load these plug-ins. Where two bring the same name or task, the first has it and the second is refused."""
    plugins: dict[str, SystemTaskPlugin] = {}
    failures: dict[str, Failure] = {}
    for point in points:
        name = point.name
        if name in plugins or name in failures:
            name = f"{point.name} of {_distribution(point)}"
        try:
            plugins[name] = _loaded(point, name, plugins)
        except PluginRefused as error:
            failures[name] = Failure(str(error), error)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything while it is imported
            failures[name] = Failure(f"it raises {type(error).__name__} when it is imported; see the log", error)
    return Installed(plugins, failures)


def _order(point: EntryPoint) -> tuple[bool, bool, str, str]:
    return not _is_own(point), point.name != HOUSEKEEPING, point.name, _distribution(point)


def _is_own(point: EntryPoint) -> bool:
    return _distribution(point) == OWN_DISTRIBUTION


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else ""


def _loaded(point: EntryPoint, name: str, present: Mapping[str, SystemTaskPlugin]) -> SystemTaskPlugin:
    if not _PLUGIN_NAME.fullmatch(name) or name.startswith(SYSTEM_ID_PREFIX):
        if point.name in present:
            raise PluginRefused(f"there is a plug-in {point.name!r} already")
        raise PluginRefused("its name must be lower-case letters, digits, _ or -, and not start with system-")
    found = point.load()
    plugin = SystemTaskPlugin(tasks=(found,)) if isinstance(found, SystemTask) else found
    if not isinstance(plugin, SystemTaskPlugin):
        raise PluginRefused(f"{point.value} is a {type(found).__name__}, neither a SystemTaskPlugin nor a SystemTask")
    brought = {task.id: owner for owner, each in present.items() for task in each.tasks}
    for task in plugin.tasks:
        _check_task(task, brought)
        brought[task.id] = name
    return plugin


def _check_task(task: object, brought: Mapping[str, str]) -> None:
    if not isinstance(task, SystemTask):
        raise PluginRefused(f"one of its tasks is a {type(task).__name__}, not a SystemTask")
    if not _ID.fullmatch(task.id) or len(task.id) > _LONGEST_ID:
        raise PluginRefused(f"id {task.id!r} must be system- and lower-case words with - between them")
    if task.id in brought:
        raise PluginRefused(f"plug-in {brought[task.id]!r} brings {task.id} already")
    if not any(map(inspect.iscoroutinefunction, (task.work, type(task.work).__call__))):
        raise PluginRefused(f"{task.id}: work must be an async function")
    if not (inspect.isclass(task.parameters) and issubclass(task.parameters, BaseModel)):
        raise PluginRefused(f"{task.id}: parameters must be a pydantic model")
    if faults := definition_faults(task.definition, _Catalog(task.parameters)):
        raise PluginRefused("; ".join(f"{task.id}: {fault.location} {fault.message}" for fault in faults))


def _made(name: str, make: Callable[[World], Sequence[Probe]], world: World) -> Sequence[Probe]:
    """The probes of a plug-in. If it can't even make them, one that says so, under the plug-in's name."""
    try:
        return list(make(world))
    except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and the others are asked all the same
        raised = error

        async def fail() -> None:
            raise raised

        return [Probe(name, fail)]


class _Catalog:
    """See `core.ports.ExecutorCatalog`: knows one task."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def types(self) -> Sequence[str]:
        return (TaskType.SYSTEM,)

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        try:
            self._model.model_validate(config["parameters"])
        except ValidationError as error:
            return [
                Fault(".".join(("defaults", *map(str, each["loc"]))), each["msg"])
                for each in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        return []

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[Fault]:
        return []
