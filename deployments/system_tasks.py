"""The seven system tasks, as data.

To add one:

1. Describe it here.
2. Write its work in `flows/system`, and name the work in `flows/system/catalog.py`.
3. Describe its parameters as a model in `flows/system/parameters.py`, and add the model to `MODELS` there: a request
   to run the task is checked against it.
4. Write prefect.yaml again: `python -m falcon_scheduler.deployments.prefect_yaml > prefect.yaml`.

Source: eve-modules, "System tasks in GF against SEED"; scheduler API, "System Tasks (Hardcoded)". Where the two
differ the document's figures are taken: affiliations 30 minutes, alliances on Sunday.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from falcon_scheduler.core.domain.task import Priority, TaskDefinition, TaskType


def _minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


SYSTEM_TASKS: Mapping[str, TaskDefinition] = {
    "system-token-refresh": TaskDefinition(
        name="EVE Token Refresh",
        description="Refreshes EVE Online access tokens that expire soon, oldest first",
        type=TaskType.SYSTEM,
        schedule="0 */15 * * * *",
        priority=Priority.HIGH,
        config={"task_name": "token_refresh", "parameters": {"batch_size": 100, "timeout": "5m"}},
        tags=("system", "auth", "eve"),
        max_retries=3,
        retry_interval=_minutes(2),
        timeout=_minutes(10),
    ),
    "system-state-cleanup": TaskDefinition(
        name="State Cleanup",
        description="Removes expired login states",
        type=TaskType.SYSTEM,
        schedule="0 0 */2 * * *",
        config={"task_name": "state_cleanup", "parameters": {"retention_hours": 24}},
        tags=("system", "cleanup"),
        max_retries=2,
        retry_interval=_minutes(5),
        timeout=_minutes(15),
    ),
    "system-health-check": TaskDefinition(
        name="Health Check",
        description="Asks MongoDB, Redis and ESI whether they are well",
        type=TaskType.SYSTEM,
        schedule="0 */5 * * * *",
        config={"task_name": "health_check", "parameters": {"timeout": "30s"}},
        tags=("system", "monitoring"),
        max_retries=1,
        retry_interval=_minutes(1),
        timeout=_minutes(1),
    ),
    "system-task-cleanup": TaskDefinition(
        name="Task History Cleanup",
        description="Removes old executions from the history and old runs from Prefect",
        type=TaskType.SYSTEM,
        schedule="0 0 2 * * *",
        priority=Priority.LOW,
        config={"task_name": "task_cleanup", "parameters": {}},
        tags=("system", "cleanup"),
        max_retries=2,
        retry_interval=_minutes(30),
        timeout=_minutes(30),
    ),
    "system-character-affiliation-update": TaskDefinition(
        name="Character Affiliation Update",
        description="Updates the corporations and alliances of all characters from ESI",
        type=TaskType.SYSTEM,
        schedule="0 */30 * * * *",
        config={
            "task_name": "character_affiliation_update",
            "parameters": {"batch_size": 1000, "parallel_workers": 3},
        },
        tags=("system", "character", "esi"),
        max_retries=3,
        retry_interval=_minutes(5),
        timeout=_minutes(30),
    ),
    "system-alliance-bulk-import": TaskDefinition(
        name="Alliance Bulk Import",
        description="Imports every alliance from ESI",
        type=TaskType.SYSTEM,
        schedule="0 0 3 * * 0",
        config={
            "task_name": "alliance_bulk_import",
            "parameters": {"batch_size": 10, "delay_between_requests": "200ms", "timeout": "30m"},
        },
        tags=("system", "alliance", "esi"),
        max_retries=2,
        retry_interval=_minutes(15),
        timeout=_minutes(45),
    ),
    "system-corporation-update": TaskDefinition(
        name="Corporation Data Update",
        description="Updates every known corporation from ESI",
        type=TaskType.SYSTEM,
        schedule="0 0 4 * * *",
        config={"task_name": "corporation_update", "parameters": {"concurrent_workers": 10, "timeout": "60m"}},
        tags=("system", "corporation", "esi", "update"),
        max_retries=2,
        retry_interval=_minutes(15),
        timeout=_minutes(60),
    ),
}
"""Task id to definition. They are read in UTC: EVE's day is."""
