"""Deployments that somebody else made and tagged for adoption: read, switched and run, never edited.

Source: design; issue "One truth under faults", adoption. The values of a deployment's owner always have precedence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from falcon_scheduler.adapters.prefect.deployment_body import changed_at
from falcon_scheduler.adapters.prefect.names import ADOPTION_TAG
from falcon_scheduler.adapters.prefect.schedule_reading import from_prefect
from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import DeployedAs
from falcon_scheduler.core.domain.task_definition import TaskDefinition, TaskType


def foreign_deployed(deployment: Mapping[str, Any], flow_name: str) -> Deployed:
    """Somebody else's deployment as a task. The task's id is the deployment's own id."""
    schedules = deployment.get("schedules") or []
    active = not deployment.get("paused") and (not schedules or any(each.get("active") for each in schedules))
    definition = _definition(deployment, flow_name)
    meaning = [definition.name, definition.description, definition.schedule, definition.timezone, definition.tags]
    return Deployed(
        task_id=deployment["id"],
        as_deployed=DeployedAs(
            id=deployment["id"],
            active=active,
            fingerprint=hashlib.sha256(json.dumps(meaning).encode()).hexdigest()[:32],
        ),
        changed_at=changed_at(deployment),
        adopted=definition,
    )


def _definition(deployment: Mapping[str, Any], flow_name: str) -> TaskDefinition:
    schedule, timezone = from_prefect(deployment.get("schedules") or []) or ("", "UTC")
    return TaskDefinition(
        name=f"{flow_name}/{deployment['name']}"[:100],
        type=TaskType.CUSTOM,
        schedule=schedule,
        timezone=timezone,
        description=(deployment.get("description") or "")[:500],
        config={
            "flow": flow_name,
            "deployment": deployment["name"],
            "entrypoint": deployment.get("entrypoint") or "",
        },
        tags=tuple(tag for tag in deployment.get("tags") or [] if tag != ADOPTION_TAG),
        max_retries=0,
    )
