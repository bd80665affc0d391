"""Settings and plug-ins of a run whose environment is not that of the preloaded process."""

from __future__ import annotations

import os
import sys

PLUGINS_VARIABLE = "SCHEDULER_PLUGINS"


def named_plugins() -> tuple[str, ...]:
    """The plug-ins that the environment names."""
    names = os.environ.get(PLUGINS_VARIABLE, "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def forget() -> None:
    """Forget what was read and loaded before the fork, so that this run reads and loads for itself."""
    from falcon_scheduler.flows import runtime

    names = named_plugins()
    for module in list(sys.modules):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            del sys.modules[module]
    runtime.forget()
