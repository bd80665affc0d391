"""Imports what runs need, once for all of them, in the process that they are forked from."""

from __future__ import annotations

import importlib
import logging
import os
from importlib.metadata import entry_points

MODULES = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.deployments.steps.core",  # with these two Prefect fetches the code of deployments that others made
    "prefect.runner.storage",
    "falcon_scheduler.flows.entrypoints",
    "falcon_scheduler.flows.child.lane_process",
)
PLUGIN_GROUPS = ("falcon_scheduler.functions", "falcon_scheduler.executors", "falcon_scheduler.system_tasks")
EXTRA_MODULES_VARIABLE = "SCHEDULER_PRELOAD"
"""Names of further modules, separated by commas."""
_LEFT_SOMETHING = 3
"""Exit code of the trial, when what it loaded left a thread or an open file behind."""

_logger = logging.getLogger("falcon.forkserver.preload")


def load() -> None:
    """Import everything that runs are likely to need.

    What cannot be imported is left out and logged: the runs that need it fail by themselves, with the reason.
    """
    extra = os.environ.get(EXTRA_MODULES_VARIABLE, "").split(",")
    for name in (*MODULES, *(module.strip() for module in extra if module.strip())):
        _import(name)
    for group in PLUGIN_GROUPS:
        for plugin in entry_points(group=group):
            _import(plugin.module)


def load_for_tasks() -> None:
    """Read the settings and load the executors and plug-ins, once for all runs.

    A plug-in may start a thread or open a connection when it is loaded. Neither works in a forked process, so a
    forked process loads them first as a trial. If that fails, or leaves a thread or a file open, each run loads them
    itself.
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


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - user code may raise anything while it is imported
        if not (isinstance(error, ModuleNotFoundError) and error.name == name):
            _logger.warning("Could not preload %s: %s: %s", name, type(error).__name__, error)
