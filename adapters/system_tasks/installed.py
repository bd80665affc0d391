"""Loads the plug-ins that are installed, once per process, and chooses those that are on.

A plug-in that can't be loaded stops nothing: it is logged and shown, and its tasks stay in the store, disabled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from falcon_scheduler.adapters.system_tasks.checks import PluginRefused, checked
from falcon_scheduler.adapters.system_tasks.chosen import Chosen, Failure
from falcon_scheduler.adapters.system_tasks.interface import SystemTask, SystemTaskPlugin
from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX
from falcon_scheduler.core.errors import SchedulerError

GROUP = "falcon_scheduler.system_tasks"
OWN_DISTRIBUTION = "falcon-scheduler"
HOUSEKEEPING = "housekeeping"
"""The plug-in that brings the scheduler's own tasks."""


class StaleInstallation(SchedulerError):
    """This package's metadata is older than its code."""

    code = "stale_installation"

    def __init__(self) -> None:
        super().__init__(
            f"The installed falcon-scheduler lists no system tasks (entry point group {GROUP}): it was installed "
            "before they became plug-ins. Install it again: `make install`, or `pip install --no-deps --editable .`"
        )


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
            plugins[name] = checked(point, name, plugins)
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
