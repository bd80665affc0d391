"""From a body to a task's definition, or to a change of one, with every fault of shape and of meaning in one answer.

A field of the wrong type must not hide the faults of other fields. So it is replaced by a valid value, the whole
definition is checked, and faults of the replaced field are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar

from falcon_scheduler.api_facade.schemas.task_changes import AlertsChange, MetadataChange, TaskCreate, TaskUpdate
from falcon_scheduler.api_facade.shape import read_shape
from falcon_scheduler.core.domain.alert import ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.calendars import CalendarRules
from falcon_scheduler.core.domain.catch_up import CatchUpRules
from falcon_scheduler.core.domain.masking import restored
from falcon_scheduler.core.domain.schedule import zone_within
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.ports import ExecutorCatalog
from falcon_scheduler.core.services.tasks.validation import change_faults, past_faults

_NOTHING: Mapping[str, Any] = {}
_FIELDS = frozenset(each.name for each in fields(TaskDefinition))
_SOUND = TaskDefinition(name="sound", type="", schedule="@hourly")
_TYPE_STAYS = Fault("type", "a task keeps its type for life; create another one")

Shape = TypeVar("Shape", TaskCreate, TaskUpdate)


def read_definition(
    body: Any, catalog: ExecutorCatalog, default_timezone: str, now: datetime, stored: Mapping[str, Any] = _NOTHING
) -> TaskDefinition:
    """The definition of a new task. Masks in its config are replaced by the `stored` values of the same positions.

    Raises `Invalid` with all faults.
    """
    base = replace(_SOUND, timezone=default_timezone)
    definition = replace(base, **_read(TaskCreate, *_unmasked(body, stored), base, catalog, now))
    return replace(definition, tags=tuple(definition.tags))


def read_changes(body: Any, present: TaskDefinition, catalog: ExecutorCatalog, now: datetime) -> dict[str, Any]:
    """The changes of a body to a task, by field. Raises `Invalid` with all faults."""
    return _read(TaskUpdate, *_unmasked(body, present.config), present, catalog, now)


def _read(
    shape: type[Shape],
    body: Any,
    masks: Sequence[Fault],
    base: TaskDefinition,
    catalog: ExecutorCatalog,
    now: datetime,
) -> dict[str, Any]:
    value, faults = read_shape(shape, body)
    if shape is TaskUpdate:
        faults = [_TYPE_STAYS if fault.location == "type" else fault for fault in faults]
    if isinstance(body, Mapping):
        unsound = {fault.location for fault in faults}
        if value is None:
            value = _sound_part(shape, body, unsound)
        faults += _tag_clash(value)
        given = _given(value)
        if shape is TaskUpdate:
            faults += _zone_clash(given, base)
        judged = list(_meaning_faults(base, given, value, catalog))
        judged += past_faults(replace(base, **given), now, base)
        subjects = _subjects(unsound)
        still_masked = {mask.location for mask in masks}
        faults += [
            fault
            for fault in judged
            if _subject(fault.location) not in subjects and fault.location not in still_masked
        ]
        faults += masks
        if not faults:
            return given
    raise Invalid(faults)


def _unmasked(body: Any, stored: Mapping[str, Any]) -> tuple[Any, list[Fault]]:
    """The body with the stored values instead of the masks that an earlier answer showed."""
    if not isinstance(body, Mapping) or not isinstance(body.get("config"), Mapping):
        return body, []
    config, faults = restored(body["config"], stored, "config")
    return {**body, "config": config}, faults


def _sound_part(shape: type[Shape], body: Mapping[str, Any], unsound: Iterable[str]) -> Shape:
    """The rest of a body without its invalid fields; required fields get a valid value."""
    kept = dict(body)
    metadata = kept.get("metadata")
    if isinstance(metadata, Mapping):
        kept["metadata"] = dict(metadata)
    for location in unsound:
        name, *rest = location.split(".")
        if name == "metadata" and rest and isinstance(metadata, Mapping):
            kept["metadata"].pop(rest[0], None)
        else:
            kept.pop(name, None)
    unknown = [name for name in kept if name not in shape.model_fields]  # a name with a dot in it
    for name in unknown:
        del kept[name]
    if isinstance(kept.get("metadata"), Mapping):
        kept["metadata"] = {n: each for n, each in kept["metadata"].items() if n in MetadataChange.model_fields}
    required = {"name": _SOUND.name, "type": _SOUND.type, "schedule": _SOUND.schedule}
    return shape.model_validate({n: v for n, v in required.items() if n in shape.model_fields} | kept)


def _given(value: TaskCreate | TaskUpdate) -> dict[str, Any]:
    """The definition's fields that the body contains, at either of their places."""
    given = {name: getattr(value, name) for name in value.model_fields_set if name in _FIELDS}
    if "metadata" in value.model_fields_set:
        metadata = value.metadata
        given = {name: getattr(metadata, name) for name in metadata.model_fields_set} | given
    if isinstance(alerts := given.get("alerts"), AlertsChange):
        given["alerts"] = _alerts_of(alerts)
    if "calendars" in given:
        given["calendars"] = given["calendars"].rules if given["calendars"] else CalendarRules()
    if "catch_up" in given:
        given["catch_up"] = given["catch_up"].rules if given["catch_up"] else CatchUpRules()
    if "tags" in given:
        given["tags"] = tuple(given["tags"])
    return given


def _alerts_of(given: AlertsChange) -> TaskAlerts:
    named = given.model_dump()
    channels, expected = named.pop("channels"), named.pop("expect_success")
    return TaskAlerts(
        **named,
        expect_success=ExpectedSuccess(**expected) if expected else None,
        channels=None if channels is None else tuple(channels),
    )


def _tag_clash(value: TaskCreate | TaskUpdate) -> Iterator[Fault]:
    both = "tags" in value.model_fields_set and "tags" in value.metadata.model_fields_set
    if both and value.tags != value.metadata.tags:
        yield Fault("metadata.tags", "differs from tags; give them in one place")


def _zone_clash(given: Mapping[str, Any], present: TaskDefinition) -> Iterator[Fault]:
    """A change of the zone without an effect, because the schedule names its own."""
    schedule = given.get("schedule", present.schedule)
    zone, named = given.get("timezone", present.timezone), zone_within(schedule)
    if named is not None and zone not in {named, present.timezone}:
        message = f"has no effect, as the schedule names its own zone, {named}; give the schedule without it as well"
        yield Fault("metadata.timezone", message)


def _meaning_faults(
    base: TaskDefinition, given: Mapping[str, Any], value: TaskCreate | TaskUpdate, catalog: ExecutorCatalog
) -> Iterator[Fault]:
    in_metadata = "tags" not in value.model_fields_set and "tags" in value.metadata.model_fields_set
    for fault in change_faults(base, given, catalog):
        if in_metadata and fault.location.split(".")[0] == "tags":
            yield Fault(f"metadata.{fault.location}", fault.message)
        else:
            yield fault


def _subjects(unsound: Iterable[str]) -> frozenset[str]:
    """The fields that faults are about; a config can't be checked without its type."""
    subjects = frozenset(map(_subject, unsound))
    return subjects | {"config"} if "type" in subjects else subjects


def _subject(location: str) -> str:
    name, *rest = location.split(".")
    return f"metadata.{rest[0]}" if name == "metadata" and rest else name
