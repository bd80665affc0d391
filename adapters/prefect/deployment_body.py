"""A task as a Prefect deployment, and the comparison of the two.

`deployment_body` alone defines what a task is in Prefect; the facade sends it, `prefect.yaml` must
equal it, and `fingerprint` digests it. Source: design, "Tasks".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from falcon_scheduler.adapters.prefect.markdown import as_text
from falcon_scheduler.adapters.prefect.name_tags import headline, is_name_tag, name_tag, without_name_tag
from falcon_scheduler.adapters.prefect.names import ENTRYPOINTS, FORMER_ENTRYPOINTS, PARAMETER_SCHEMA, POOL, flow_name
from falcon_scheduler.adapters.prefect.schedule_reading import from_prefect
from falcon_scheduler.adapters.prefect.schedules import to_prefect
from falcon_scheduler.adapters.prefect.states import plain
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.schedule import parse_stored
from falcon_scheduler.core.domain.storable import storable_text, storable_value
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap

COLLISION = {Overlap.SKIP: "CANCEL_NEW", Overlap.QUEUE: "ENQUEUE"}
"""Prefect's answer when its limit of one run is reached. `cancel_running` has no limit: the newer run must start to
cancel the older one, so for it the lock alone decides."""


def deployment_body(task: Task, flow_id: str, now: datetime) -> dict[str, Any]:
    """The body of `POST /deployments/` for a task."""
    definition = task.definition
    schedule = parse_stored(definition.schedule, definition.timezone, task.id)
    in_prefect = schedule if not definition.time_rules.need_single_runs else None
    schedules_there = to_prefect(in_prefect, now=now, since=task.created_at) if in_prefect else []
    collision = COLLISION.get(definition.overlap)
    return {
        "name": task.id,
        "flow_id": flow_id,
        # Without a schedule in Prefect (none is left, or it can't be read) the deployment's switch is used.
        "paused": not schedules_there and not task.fires,
        "description": describe(task),
        "tags": tags_of(task),
        "version": str(task.version),
        "parameters": {"task_id": task.id},
        "parameter_openapi_schema": PARAMETER_SCHEMA,
        "enforce_parameter_schema": True,
        "entrypoint": ENTRYPOINTS[flow_name(definition.type)],
        "work_pool_name": POOL,
        "work_queue_name": str(definition.priority),
        "concurrency_limit": 1 if collision else None,
        "concurrency_options": {"collision_strategy": collision} if collision else None,
        "job_variables": {},
        "pull_steps": [],
        "path": None,
        "schedules": [
            {"slug": named.slug, "active": task.fires, "schedule": named.schedule.model_dump(mode="json")}
            for named in schedules_there
        ],
    }


def can_be_patched(present: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether `PATCH` can make a deployment so: it can't move it to another flow, nor take a schedule away."""
    slugs = {schedule.get("slug") for schedule in present.get("schedules") or []}
    kept = {schedule["slug"] for schedule in body["schedules"]}
    return present["flow_id"] == body["flow_id"] and present["name"] == body["name"] and slugs <= kept


def runs_type(deployment: Mapping[str, Any], task_type: str) -> bool:
    """Whether the deployment is not one that a task of another type had. (A user may have set any entrypoint.)"""
    entrypoint = deployment.get("entrypoint")
    present = FORMER_ENTRYPOINTS.get(str(entrypoint), entrypoint)
    return present == ENTRYPOINTS[flow_name(task_type)] or present not in ENTRYPOINTS.values()


def patch_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `PATCH /deployments/{id}` for that of `POST /deployments/`."""
    return {name: value for name, value in body.items() if name not in {"name", "flow_id"}}


def changed_at(deployment: Mapping[str, Any]) -> datetime | None:
    """When the deployment or a schedule of it was changed last. Prefect drops what it had planned then."""
    stamps = [deployment.get("updated"), *(each.get("updated") for each in deployment.get("schedules") or [])]
    found = [datetime.fromisoformat(str(stamp).replace("Z", "+00:00")) for stamp in stamps if stamp]
    return plain(max(found, default=None))


def describe(task: Task) -> str:
    """What the Prefect UI shows of a task, in markdown: its name, its purpose, and when it runs, in plain English."""
    definition = task.definition
    schedule = parse_stored(definition.schedule, definition.timezone, task.id)
    when = f"{schedule.describe()} ({schedule.timezone})" if schedule else "by hand only: its schedule can't be read"
    limits = definition.time_rules.describe()
    words = f"{headline(definition.name)}{when}{', ' if limits else ''}{limits}."
    return storable_text(f"{words}\n\n{as_text(definition.description)}".strip())


def tags_of(task: Task) -> list[str]:
    """The task's own tags, its type, and last its name. A tag of its own that equals the name is there once."""
    named = name_tag(task.definition.name)
    own = dict.fromkeys(storable_text(tag) for tag in [*task.definition.tags, task.definition.type])
    return [*(tag for tag in own if tag != named), named]


def changes_made(deployment: Mapping[str, Any], task: Task, now: datetime) -> dict[str, Any]:
    """Fields of the task's definition that a user changed at its deployment, if a task can hold them."""
    ours = deployment_body(task, "", now)
    changes: dict[str, Any] = {}
    name, queue = task.definition.name, deployment.get("work_queue_name")
    if queue != ours["work_queue_name"] and queue in set(Priority):
        changes["priority"] = Priority(str(queue))
    tags = without_name_tag(deployment, name)
    if set(tags) != {tag for tag in ours["tags"] if not is_name_tag(tag, deployment, name)}:
        # A tag of the task's own that equals our tag can't be seen at the deployment.
        unseen = [tag for tag in task.definition.tags if is_name_tag(tag, deployment, name)]
        changes["tags"] = (*(tag for tag in tags if tag != task.definition.type), *unseen)
    if _schedules_meaning(deployment) != _schedules_meaning(ours):
        said = from_prefect(deployment.get("schedules") or [])
        if said is not None:
            changes["schedule"], changes["timezone"] = said
    return changes


def fingerprint_of(body: Mapping[str, Any]) -> str:
    """A digest of what a deployment means, of a body that we send or of one that the server returned.

    Left out is what may differ without meaning: ids, times, whether it is active, and the version, which grows with
    every definition and adds nothing to the other fields.
    """
    return hashlib.sha256(json.dumps(_meaning(body), sort_keys=True, default=str).encode()).hexdigest()[:32]


def taken_back(deployment: Mapping[str, Any], task: Task, now: datetime) -> dict[str, Any]:
    """Values that a user set at the deployment and a task can't hold, by the deployment's names."""
    name = task.definition.name
    there, ours = _meaning(deployment, name), _meaning(deployment_body(task, "", now), name)
    said = {FIELDS_SAID[name] for name in changes_made(deployment, task, now) if name in FIELDS_SAID}
    said |= {DECLARED, NAMED}  # not set by a user: an earlier version left it so
    differing = [each for each in there if there[each] != ours.get(each) and each not in said]
    return {each: storable_value(there[each]) for each in differing}  # the audit is to hold it


DECLARED = "declared parameters"
NAMED = "tag of the name"
FIELDS_SAID = {"priority": "queue", "tags": "tags", "schedule": "schedules"}
"""Names of a task's fields that a change at the deployment sets, to the names of `_meaning`."""


def _meaning(body: Mapping[str, Any], task_name: str | None = None) -> dict[str, Any]:
    """`task_name` finds our tag where a user changed the description."""
    limit = body.get("concurrency_limit") or (body.get("global_concurrency_limit") or {}).get("limit")
    options = body.get("concurrency_options") or {}
    meaning = {
        "name": body["name"],
        "description": body.get("description"),
        "tags": sorted(without_name_tag(body, task_name)),
        "parameters": body.get("parameters"),
        "entrypoint": body.get("entrypoint"),
        "pool": body.get("work_pool_name"),
        "queue": body.get("work_queue_name"),
        "limit": limit,
        "collision": options.get("collision_strategy") if limit else None,
        "schedules": _schedules_meaning(body),
    }
    # Both decide which code runs; only mentioned when set, so that earlier fingerprints still hold.
    meaning |= {name: body[name] for name in ("pull_steps", "path") if body.get(name)}
    return meaning | _outdated_schema(body) | _missing_name(body)


def _outdated_schema(body: Mapping[str, Any]) -> dict[str, Any]:
    """The declared parameters where they are not what this version declares.

    Left out where they are, so that the digest of a deployment of ours is the one that earlier versions remembered.
    """
    declared = (body.get("parameter_openapi_schema") or {}).get("properties", {}).get("parameters")
    return {} if declared == PARAMETER_SCHEMA["properties"]["parameters"] else {DECLARED: declared}


def _missing_name(body: Mapping[str, Any]) -> dict[str, Any]:
    """Left out where our tag is there, for the same reason. Its text follows from the description's."""
    return {} if any(is_name_tag(tag, body) for tag in body.get("tags") or []) else {NAMED: None}


def is_active(body: Mapping[str, Any]) -> bool:
    """Whether the deployment is switched on: it is not paused, and a schedule of it is active if it has any."""
    schedules = body.get("schedules") or []
    return not body.get("paused") and (not schedules or any(schedule.get("active") for schedule in schedules))


def _schedules_meaning(body: Mapping[str, Any]) -> list[list[str]]:
    return sorted((_schedule_meaning(each) for each in body.get("schedules") or []), key=str)


def _schedule_meaning(entry: Mapping[str, Any]) -> list[str]:
    schedule = entry["schedule"]
    kept = {name: value for name, value in schedule.items() if value is not None}
    if "anchor_date" in kept:
        kept["anchor_date"] = datetime.fromisoformat(str(kept["anchor_date"]).replace("Z", "+00:00")).timestamp()
    if "interval" in kept:
        kept["interval"] = float(kept["interval"])
    return [str(entry.get("slug")), json.dumps(kept, sort_keys=True, default=str)]
