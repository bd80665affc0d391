"""What a run finds already imported, and whether it is still what stands on disk.

Only modules that are the project's or the user's own are watched: installed packages change by installation, which
shows in the folder that holds them.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import ssl
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

import certifi

MODULES = ("prefect.flow_engine", "prefect.task_engine", "falcon_scheduler.flows.entrypoints")
PLUGIN_GROUPS = ("falcon_scheduler.functions", "falcon_scheduler.executors")
EXTRA_MODULES_VARIABLE = "SCHEDULER_PRELOAD"
"""Names of further modules, separated by commas."""
PLUGINS_VARIABLE = "SCHEDULER_PLUGINS"
_PLUGIN_FILES = "falcon_plugins"
"""The package under which plug-ins that are named by their file are loaded."""
_LEFT_SOMETHING = 3
"""Exit code of the trial, when what it loaded left a thread or an open file behind."""

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


def load_for_tasks() -> None:
    """Read the settings and load the executors and plug-ins, once for all runs.

    A plug-in may start a thread or open a connection when it is loaded. Neither survives a fork whole, so a forked
    process tries first. Where it fails, or leaves such a thing behind, each run loads them for itself.
    """
    tried = _try_in_fork()
    if tried == _LEFT_SOMETHING:
        _logger.warning("A plug-in starts a thread or opens a file when it is loaded; each run loads them for itself")
    elif tried == 0:
        from falcon_scheduler.flows import runtime

        runtime.preload()


def _try_in_fork() -> int:
    """Load everything in a forked process. Returns its exit code: 0 when it left nothing behind."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            from falcon_scheduler.flows import runtime

            before = _held()
            runtime.preload()
            status = 0 if _held() == before else _LEFT_SOMETHING
        except Exception as error:  # noqa: BLE001 - the runs that need it fail by themselves, with the reason
            _logger.warning("Could not load what runs need: %s: %s", type(error).__name__, error)
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _held() -> tuple[int, int]:
    """How many threads and open descriptors this process has."""
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def forget_settings() -> None:
    """Let this run read its settings and load its plug-ins itself, because its environment is another."""
    from falcon_scheduler.flows import runtime

    names = tuple(os.environ.get(PLUGINS_VARIABLE, "").replace(" ", "").split(","))
    for module in list(sys.modules):
        if any(module == name or module.startswith(f"{name}.") for name in names if name):
            del sys.modules[module]
    runtime.forget()


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
        plugins |= {name.strip() for name in os.environ.get(PLUGINS_VARIABLE, "").split(",")} | {_PLUGIN_FILES}
        self._seen = dict(_states([*_own_files(plugins), *_package_folders(), *_certificates()]))

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


def _certificates() -> set[str]:
    """Files of the authorities that runs trust: their contexts are made before the fork."""
    paths = ssl.get_default_verify_paths()
    named = (paths.cafile, paths.capath, os.environ.get("PREFECT_API_SSL_CERT_FILE"), certifi.where())
    return {path for path in named if path}


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
