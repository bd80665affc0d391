"""What in a document of go-falcon this service changes, can't run, or reads differently. Pure rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from falcon_scheduler.adapters.mongo.reading import whole_numbers
from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.schedule import parse
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.core.services.tasks.validation import NAME_LENGTH

Judge = Callable[[str, Mapping[str, Any]], Sequence[Fault]]
"""Returns the faults in a config of a task type."""


class Level(StrEnum):
    """The severity of a finding."""

    REPAIR = "repair"
    """The task can't run until it is repaired."""
    CHANGE = "change"
    """The takeover changes this."""
    NOTE = "note"
    """It works; the operator should know of the difference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding about one document. `repair` holds the fields that `--repair` sets; empty if a person has to."""

    level: Level
    document: str
    """Collection and id, such as `scheduler_tasks/7f…`."""
    message: str
    repair: Mapping[str, Any] | None = None


def task_findings(
    document: Mapping[str, Any], known_system_tasks: Mapping[str, Any], judge: Judge, names: Mapping[str, int]
) -> Iterator[Finding]:
    """All findings about one task. `names` counts the tasks of each name."""
    where = f"scheduler_tasks/{document['_id']}"
    is_system = _is_system(document)
    if not isinstance(document["_id"], str):
        yield Finding(level=Level.REPAIR, document=where, message="_id: is no text; the API can't address the task")
    yield from _name_findings(document, where, names)
    if is_system:
        yield from _system_findings(document, where, known_system_tasks)
        return
    yield from _schedule_findings(document, where)
    kind, config = str(document.get("type") or ""), document.get("config") or {}
    if not isinstance(config, Mapping):
        yield Finding(level=Level.REPAIR, document=where, message="config: must be an object")
        return
    for fault in judge(kind, whole_numbers(config)):
        yield Finding(level=Level.REPAIR, document=where, message=f"{fault.location}: {fault.message}")
    if document.get("priority") not in set(Priority):
        text = f"priority: {document.get('priority')!r} is none of {', '.join(Priority)}; read as normal"
        yield Finding(level=Level.NOTE, document=where, message=text)


def execution_findings(document: Mapping[str, Any], retention_from: datetime) -> Iterator[Finding]:
    """All findings about one execution; most have none."""
    where = f"scheduler_executions/{document['_id']}"
    if document.get("status") in {"pending", "running"}:
        text = "status: unfinished; the takeover ends it as failed, uncounted"
        yield Finding(level=Level.CHANGE, document=where, message=text)
    elif document.get("status") not in {"completed", "failed"}:
        text = f"status: {document.get('status')!r} is unknown; read as failed"
        yield Finding(level=Level.NOTE, document=where, message=text)


def _is_system(document: Mapping[str, Any]) -> bool:
    return str(document["_id"]).startswith("system-") and document.get("type") == TaskType.SYSTEM


def _name_findings(document: Mapping[str, Any], where: str, names: Mapping[str, int]) -> Iterator[Finding]:
    name = document.get("name")
    if not isinstance(name, str) or not name.strip():
        repair = {"name": f"Task {document['_id']}"[:NAME_LENGTH]}
        yield Finding(level=Level.REPAIR, document=where, message="name: is missing", repair=repair)
        return
    if names.get(name, 0) > 1:
        repair = {"name": f"{name[: NAME_LENGTH - 40]} ({document['_id']})"[:NAME_LENGTH]}
        text = f"name: {names[name]} tasks are named {name[:60]!r}; names are unique here"
        yield Finding(level=Level.REPAIR, document=where, message=text, repair=repair)
    if len(name) > NAME_LENGTH or name != name.strip() or not name.isprintable():
        text = "name: breaks our rules; it stays, and the next change of the name must follow them"
        yield Finding(level=Level.NOTE, document=where, message=text)


def _system_findings(document: Mapping[str, Any], where: str, known: Mapping[str, Any]) -> Iterator[Finding]:
    if str(document["_id"]) in known:
        text = "brought up to date with this service's definition; the audit shows the difference"
        yield Finding(level=Level.CHANGE, document=where, message=text)
    else:
        text = "type: this service has no such system task; it stays, disabled, and can be deleted"
        yield Finding(level=Level.CHANGE, document=where, message=text)


def _schedule_findings(document: Mapping[str, Any], where: str) -> Iterator[Finding]:
    schedule = document.get("schedule")
    if not isinstance(schedule, str):
        yield Finding(level=Level.REPAIR, document=where, message="schedule: is no text")
        return
    try:
        parse(schedule)
    except ScheduleError as error:
        yield Finding(
            level=Level.REPAIR, document=where, message=f"schedule: {error}", repair=_with_seconds(schedule)
        )


def _with_seconds(schedule: str) -> Mapping[str, Any] | None:
    """A classic five-field expression with second 0 added: the only mistake with an unambiguous meaning."""
    if len(schedule.split()) != 5:
        return None
    repaired = f"0 {schedule.strip()}"
    try:
        parse(repaired)
    except ScheduleError:
        return None
    return {"schedule": repaired}
