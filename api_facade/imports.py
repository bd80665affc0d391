"""Imports: many tasks from an export. Each is created, changed, skipped or refused alone, and the answer lists it.

Each task is written whole, its pause included, so a process that dies in the middle leaves no half of one; the same
import again goes on where it stopped, for tasks are found by id or name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from falcon_scheduler.api_facade.batches import each_of
from falcon_scheduler.api_facade.container import Container
from falcon_scheduler.api_facade.definitions import read_definition
from falcon_scheduler.api_facade.origins import through
from falcon_scheduler.api_facade.schemas.batches import Imported, ImportFailure, ImportItem, ImportResult
from falcon_scheduler.api_facade.schemas.common import ProblemFault
from falcon_scheduler.api_facade.sent_tasks import without_own_fields
from falcon_scheduler.api_facade.shape import read_shape
from falcon_scheduler.core.aside import aside
from falcon_scheduler.core.domain.audit import Door
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import Fault, Invalid, NameTaken, SchedulerError
from falcon_scheduler.core.services.tasks.task_service import demand

OWN_FIELDS = tuple(ImportItem.model_fields)
"""Fields of an exported task besides its definition."""

MOST_FAULTS = 10
"""Faults listed for one task that is not imported."""

_ID = re.compile(r"(?!system-)[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NO_ITEM = ImportItem()


@dataclass(frozen=True, slots=True)
class _Skipped:
    """The task exists already, or nothing of it can be imported here."""

    name: str


async def import_all(
    parts: Container, bodies: Sequence[Mapping[str, Any]], by: Principal, *, overwrite: bool
) -> ImportResult:
    """Create each task; an existing one is skipped, or changed with `overwrite`.

    Raises:
        Invalid: two of them have the same name or id; nothing was changed.
    """
    if faults := [*_repeated(bodies, "name"), *_repeated(bodies, "id")]:
        raise Invalid(faults)
    with through(Door.IMPORT):
        outcomes = await each_of(bodies, lambda body: _import(parts, body, by, overwrite))
    imported = [
        Imported(id=outcome.id, name=outcome.definition.name) for outcome in outcomes if isinstance(outcome, Task)
    ]
    skipped = [outcome.name for outcome in outcomes if isinstance(outcome, _Skipped)]
    failed = [
        _failure(position, body, outcome)
        for position, (body, outcome) in enumerate(zip(bodies, outcomes, strict=True))
        if isinstance(outcome, SchedulerError)
    ]
    return ImportResult(
        imported_tasks=imported,
        skipped_tasks=skipped,
        failed_tasks=failed,
        total=len(bodies),
        imported=len(imported),
        skipped=len(skipped),
        failed=len(failed),
    )


def _repeated(bodies: Sequence[Mapping[str, Any]], field: str) -> Iterator[Fault]:
    """Names or ids that appear twice: it is undefined which of the two is meant."""
    first: dict[str, int] = {}
    for position, body in enumerate(bodies):
        value = body.get(field)
        if not isinstance(value, str):
            continue
        if value in first:
            yield Fault(f"tasks.{position}.{field}", f"is the {field} of tasks.{first[value]} too; give it once")
        else:
            first[value] = position


async def _import(parts: Container, body: Mapping[str, Any], by: Principal, overwrite: bool) -> Task | _Skipped:
    item, faults = _own_fields(body)
    name = body.get("name")
    present = await parts.tasks.found(item.id, name) if isinstance(name, str) else None
    if item.source is not Source.API:
        return await _switched(parts, item, present, body, by, overwrite, faults)
    definition = await aside(body, _definition, parts, body, present, faults)
    if present is None:
        return await _created(parts, definition, item, by, overwrite)
    if not overwrite:
        return _Skipped(definition.name)
    if present.definition.type != definition.type:
        raise Invalid([Fault("type", "a task keeps its type for life, and the one of this name has another")])
    changes = {each.name: getattr(definition, each.name) for each in fields(TaskDefinition)}
    paused = item.paused if "paused" in body else None
    return await parts.tasks.update(present.id, changes, by, paused=paused)


def _own_fields(body: Mapping[str, Any]) -> tuple[ImportItem, list[Fault]]:
    item, faults = read_shape(ImportItem, {name: body[name] for name in OWN_FIELDS if name in body})
    item = item or _NO_ITEM
    if item.id is not None and item.source is Source.API and not _ID.fullmatch(item.id):
        faults.append(Fault("id", "must be 1 to 100 letters, digits or any of . _ -, and not start with system-"))
    return item, faults


def _definition(
    parts: Container, body: Mapping[str, Any], present: Task | None, faults: Sequence[Fault]
) -> TaskDefinition:
    """The definition, with stored values for its masks. Raises `Invalid` with all faults of the task."""
    own, _ = without_own_fields({name: value for name, value in body.items() if name not in OWN_FIELDS})
    stored = present.definition.config if present is not None else {}
    # Instants of the schedule may have passed since the present task was made; the update judges those that are new.
    judged_at = present.created_at if present is not None else parts.clock.now()
    try:
        definition = read_definition(own, parts.catalog, parts.default_timezone, judged_at, stored)
    except Invalid as error:
        raise Invalid([*faults, *error.faults]) from error
    if faults:
        raise Invalid(faults)
    return definition


async def _created(
    parts: Container, definition: TaskDefinition, item: ImportItem, by: Principal, overwrite: bool
) -> Task | _Skipped:
    try:
        return await parts.tasks.create(definition, by, task_id=item.id, paused=item.paused)
    except NameTaken as error:  # another request created it in between
        if overwrite:
            raise
        return _Skipped(error.name)


async def _switched(
    parts: Container,
    item: ImportItem,
    present: Task | None,
    body: Mapping[str, Any],
    by: Principal,
    overwrite: bool,
    faults: Sequence[Fault],
) -> Task | _Skipped:
    """A system task or an adopted one: others define it, so an import sets its switches only."""
    enabled = body.get("enabled", True)
    if not isinstance(enabled, bool):
        faults = [*faults, Fault("enabled", "must be true or false")]
    if faults:
        raise Invalid(faults)
    if present is None or present.source is not item.source or not overwrite:
        return _Skipped(str(body.get("name", "")))
    demand(by, Permission.CONTROL)
    task = present
    if enabled != task.definition.enabled:
        task = await (parts.tasks.enable if enabled else parts.tasks.disable)(task.id, by)
    if item.paused != task.paused:
        task = await (parts.tasks.pause if item.paused else parts.tasks.resume)(task.id, by)
    return task


def _failure(position: int, body: Mapping[str, Any], error: SchedulerError) -> ImportFailure:
    found = getattr(error, "faults", ())
    faults = [ProblemFault(location=each.location, message=each.message) for each in found[:MOST_FAULTS]]
    more = f"; {len(found) - MOST_FAULTS} more faults are not named" if len(found) > MOST_FAULTS else ""
    return ImportFailure(
        position=position,
        name=str(body.get("name", ""))[:100],
        code=error.code,
        error=f"it is not valid{more}" if faults else str(error),
        errors=faults or None,
    )
