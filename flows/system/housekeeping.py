"""The scheduler's own system tasks, as the plug-in that they are.

Source: eve-modules, "System tasks in GF against SEED"; scheduler API, "System Tasks (Hardcoded)". Where the two
differ the document's figures are taken.
"""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.adapters.system_tasks import SystemTask, SystemTaskPlugin
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.flows.system.health import check_health
from falcon_scheduler.flows.system.parameters import (
    HealthCheckParameters,
    StateCleanupParameters,
    TaskCleanupParameters,
)
from falcon_scheduler.flows.system.state_cleanup import clean_states
from falcon_scheduler.flows.system.task_cleanup import clean_history

STATE_CLEANUP = SystemTask(
    id="system-state-cleanup",
    name="State Cleanup",
    description="Removes expired login states",
    schedule="0 0 */2 * * *",
    work=clean_states,
    parameters=StateCleanupParameters,
    defaults={"retention_hours": 24},
    tags=("system", "cleanup"),
    max_retries=2,
    retry_interval=timedelta(minutes=5),
    timeout=timedelta(minutes=15),
)
HEALTH_CHECK = SystemTask(
    id="system-health-check",
    name="Health Check",
    description="Asks MongoDB, Redis and ESI whether they are well",
    schedule="0 */5 * * * *",
    work=check_health,
    parameters=HealthCheckParameters,
    defaults={"timeout": "30s"},
    tags=("system", "monitoring"),
    max_retries=1,
    retry_interval=timedelta(minutes=1),
    timeout=timedelta(minutes=1),
)
TASK_CLEANUP = SystemTask(
    id="system-task-cleanup",
    name="Task History Cleanup",
    description="Removes old executions from the history and old runs from Prefect",
    schedule="0 0 2 * * *",
    work=clean_history,
    parameters=TaskCleanupParameters,
    tags=("system", "cleanup"),
    priority=Priority.LOW,
    max_retries=2,
    retry_interval=timedelta(minutes=30),
    timeout=timedelta(minutes=30),
)
HOUSEKEEPING = SystemTaskPlugin(tasks=(STATE_CLEANUP, HEALTH_CHECK, TASK_CLEANUP))
