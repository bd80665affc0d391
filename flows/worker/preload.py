"""What a run finds already imported, and whether it is still what stands on disk.

Only modules that are the project's or the user's own are watched: installed packages change by installation, which
shows in the folder that holds them.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

MODULES = ("prefect.flow_engine", "prefect.task_engine", "flows.entrypoints")
PLUGIN_GROUPS = ("falcon_scheduler.functions", "falcon_scheduler.executors")
EXTRA_MODULES_VARIABLE = "SCHEDULER_PRELOAD"
"""Names of further modules, separated by commas."""

_logger = logging.getLogger("falcon.worker.preload")


def load() -> None:
    """Import everything that runs are likely to need.

    What cannot be imported is left out and said: the runs that need it will fail by themselves, with the reason.
    """
    extra = os.environ.get(EXTRA_MODULES_VARIABLE, "").split(",")
    for name in (*MODULES, *(module.strip() for module in extra if module.strip())):
        _import(name)
    for group in PLUGIN_GROUPS:
        for plugin in entry_points(group=group):
            _import(plugin.module)


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - user code may raise anything while it is imported
        if not (isinstance(error, ModuleNotFoundError) and error.name == name):
            _logger.warning("Could not preload %s: %s: %s", name, type(error).__name__, error)


class LoadedFiles:
    """The watched files as they were when they were loaded."""

    def __init__(self) -> None:
        plugins = {plugin.module for group in PLUGIN_GROUPS for plugin in entry_points(group=group)}
        self._seen = dict(_states([*_own_files(plugins), *_package_folders()]))

    def changed(self) -> bool:
        """Whether any of them is another file now, or gone."""
        return any(_state(path) != state for path, state in self._seen.items())


def _own_files(plugins: Iterable[str]) -> list[str]:
    installed = (*_package_folders(), sysconfig.get_paths()["stdlib"])
    packages = tuple(name.partition(".")[0] for name in plugins)
    files = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and (name.partition(".")[0] in packages or not path.startswith(installed)):
            files.append(path)
    return files


def _package_folders() -> set[str]:
    paths = sysconfig.get_paths()
    return {str(Path(paths[key])) for key in ("purelib", "platlib")}


def _states(paths: Iterable[str]) -> Iterable[tuple[str, tuple[int, int, int] | None]]:
    return ((path, _state(path)) for path in paths)


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
