"""Joins the name of each system task to its work."""

from __future__ import annotations

from collections.abc import Mapping

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.eve.tasks import eve_tasks
from falcon_scheduler.flows.executors.system import SystemTask
from falcon_scheduler.flows.system.health import HealthCheck
from falcon_scheduler.flows.system.state_cleanup import StateCleanup
from falcon_scheduler.flows.system.task_cleanup import TaskCleanup


def system_tasks(settings: Settings, stores: Stores) -> Mapping[str, SystemTask]:
    """Every system task, ready to run; clients of outside services are opened inside each."""
    return {
        "health_check": HealthCheck(settings, stores),
        "state_cleanup": StateCleanup(stores),
        "task_cleanup": TaskCleanup(settings, stores),
        **eve_tasks(settings, stores.database, stores.redis),
    }
