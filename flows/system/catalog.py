"""Joins the name of each system task to its work."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.settings import Settings
from adapters.wiring import Stores
from flows.executors.system import SystemTask
from flows.system.eve import eve_tasks
from flows.system.health import HealthCheck
from flows.system.state_cleanup import StateCleanup
from flows.system.task_cleanup import TaskCleanup


def system_tasks(settings: Settings, stores: Stores) -> Mapping[str, SystemTask]:
    """Every system task, ready to run; clients of outside services are opened inside each."""
    return {
        "health_check": HealthCheck(settings, stores),
        "state_cleanup": StateCleanup(stores),
        "task_cleanup": TaskCleanup(settings, stores),
        **eve_tasks(settings, stores.database, stores.redis),
    }
