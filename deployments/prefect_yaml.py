"""Writes `prefect.yaml` from the system tasks, for shops that deploy by `prefect deploy --all`.

    python -m falcon_scheduler.deployments.prefect_yaml > prefect.yaml

Both doors make the same deployments because both use `adapters.prefect.deployment_body.deployment_body`. A test
checks that the file equals this output, and that Prefect makes of it what the facade makes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from falcon_scheduler.adapters.prefect.deployment_body import deployment_body
from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.adapters.system_tasks.installed import installed
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition

HEADER = """\
# The system tasks as Prefect deployments: `prefect deploy --all` creates the same as the facade does.
# Written from what the installed plug-ins bring (docs/system-tasks.md), change them there:
#     python -m falcon_scheduler.deployments.prefect_yaml > prefect.yaml
"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render() -> str:
    """The file's text."""
    document = {
        "name": "falcon-scheduler",
        "pull": [],
        "deployments": [_entry(task_id, task.definition) for task_id, task in installed().tasks.items()],
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)


def _entry(task_id: str, definition: TaskDefinition) -> dict[str, Any]:
    body = deployment_body(as_task(task_id, definition), "", EPOCH)
    return {
        "name": body["name"],
        "version": body["version"],
        "description": body["description"],
        "tags": body["tags"],
        "entrypoint": body["entrypoint"],
        "parameters": body["parameters"],
        "enforce_parameter_schema": body["enforce_parameter_schema"],
        "work_pool": {"name": POOL, "work_queue_name": body["work_queue_name"], "job_variables": {}},
        "concurrency_limit": {
            "limit": body["concurrency_limit"],
            "collision_strategy": body["concurrency_options"]["collision_strategy"],
        },
        "schedules": [_schedule(each) for each in body["schedules"]],
    }


def as_task(task_id: str, definition: TaskDefinition) -> Task:
    """A system task as it is directly after seeding."""
    return Task(
        id=task_id,
        definition=definition,
        source=Source.SYSTEM,
        created_at=EPOCH,
        updated_at=EPOCH,
        created_by="system",
        updated_by="system",
    )


def _schedule(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in entry["schedule"].items() if value is not None}
    return {"slug": entry["slug"], "active": entry["active"], **kept}


if __name__ == "__main__":
    sys.stdout.write(render())
