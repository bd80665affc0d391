"""System tasks that installed packages bring, through the entry point group `falcon_scheduler.system_tasks`.

A plug-in imports what it needs from here; docs/system-tasks.md shows how. The scheduler's own tasks come the same
way.
"""

from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.system_tasks.interface import (
    Demo,
    SystemTask,
    SystemTaskPlugin,
    World,
)
from falcon_scheduler.adapters.system_tasks.parameters import GoDuration, Parameters
from falcon_scheduler.core.services.duty import Periodic

__all__ = ["Demo", "GoDuration", "Parameters", "Periodic", "Probe", "SystemTask", "SystemTaskPlugin", "World"]
