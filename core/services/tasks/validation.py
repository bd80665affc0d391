"""What a task's definition may be. Every fault is reported; nothing is corrected silently.

Source of the bounds: scheduler API, "Retry Logic"; design, "Tasks".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from falcon_scheduler.core.domain.alert import ExpectedSuccess, TaskAlerts
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.schedule import ScheduleError, parse, parse_stored
from falcon_scheduler.core.domain.storable import is_storable, storable_text
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.domain.unseen import JOINERS_AND_MARKS, LINE_BREAKS_AND_TABS, unseen_in
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.core.ports import ExecutorCatalog
from falcon_scheduler.core.services.tasks.time_validation import never_due_faults, time_faults

NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500
MAX_TAGS = 50
TAG = re.compile(r"[^\W_][\w .:/+-]{0,49}")
MAX_RETRIES = 10
RETRY_INTERVAL = (timedelta(seconds=1), timedelta(hours=1))
TIMEOUT = (timedelta(seconds=30), timedelta(hours=24))
LATE_AFTER = (timedelta(seconds=30), timedelta(days=7))
PERIOD = (timedelta(minutes=1), timedelta(days=366))
GRACE = (timedelta(), timedelta(days=366))
FAILURES_IN_A_ROW = 100
CHANNEL = re.compile(r"[a-z][a-z0-9-]{0,29}")
MAX_CHANNELS = 20
CONFIG_BYTES = 64 * 1024
CONFIG_DEPTH = 10


def definition_faults(definition: TaskDefinition, catalog: ExecutorCatalog) -> list[Fault]:
    """All that is wrong with a definition; empty when it may be stored."""
    return [
        *_text_faults(definition),
        *_tag_faults(definition.tags),
        *_bound_faults(definition),
        *_alert_faults(definition.alerts),
        *time_faults(definition),
        *schedule_faults(definition.schedule, definition.timezone),
        *_config_faults(definition, catalog),
    ]


def change_faults(present: TaskDefinition, changes: Mapping[str, Any], catalog: ExecutorCatalog) -> list[Fault]:
    """What is wrong with a changed definition, by field of `TaskDefinition`.

    What is not given stays as it is stored, even if it was stored before a rule that it breaks.
    """
    faults = definition_faults(replace(present, **changes), catalog)
    if not faults:
        return []
    kept = {fault for fault in definition_faults(present, catalog) if _field(fault) not in changes}
    return [fault for fault in faults if fault not in kept]


def _field(fault: Fault) -> str:
    return fault.location.removeprefix("metadata.").split(".")[0]


def schedule_faults(schedule: str, timezone: str) -> list[Fault]:
    """What is wrong with a cron expression or its zone."""
    try:
        parse(schedule, timezone)
    except ScheduleError as error:
        location = "metadata.timezone" if error.field == "timezone" else "schedule"
        return [Fault(location, str(error))]
    return []


def past_faults(definition: TaskDefinition, now: datetime, present: TaskDefinition | None = None) -> list[Fault]:
    """Single instants (`@at`) of a schedule that are past, which would never run, and an end that leaves no instant.

    A schedule that is equal to that of the `present` definition was accepted before its instants were past.
    """
    without_instant = [*never_due_faults(definition, now, present)]
    if present and (present.schedule, present.timezone) == (definition.schedule, definition.timezone):
        return without_instant
    schedule = parse_stored(definition.schedule, definition.timezone)
    past = schedule.past_instants(now) if schedule else []
    gone = [f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in past]
    return [Fault("schedule", f"@at: {each} is past; give an instant to come") for each in gone] or without_instant


def parameter_faults(parameters: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a run's own parameters, independent of the executor."""
    return list(_size_faults("parameters", parameters))


def _text_faults(definition: TaskDefinition) -> Iterator[Fault]:
    name = definition.name
    if not 1 <= len(name) <= NAME_LENGTH:
        yield Fault("name", f"must have 1 to {NAME_LENGTH} characters, has {len(name)}")
    elif name != name.strip():
        yield Fault("name", "must not start or end with space")
    elif not name.isprintable():
        yield Fault("name", f"must hold visible characters and plain spaces alone{_held(unseen_in(name))}")
    if len(definition.description) > DESCRIPTION_LENGTH:
        length = len(definition.description)
        yield Fault("description", f"must have at most {DESCRIPTION_LENGTH} characters, has {length}")
    elif unseen := unseen_in(definition.description, allowed=LINE_BREAKS_AND_TABS | JOINERS_AND_MARKS):
        yield Fault("description", f"must not hold control or invisible characters{_held(unseen)}")


def _held(character: str | None) -> str:
    return f", holds {character}" if character else ""


def _tag_faults(tags: tuple[str, ...]) -> Iterator[Fault]:
    if len(tags) > MAX_TAGS:
        yield Fault("tags", f"at most {MAX_TAGS} tags are allowed, {len(tags)} were given")
    for position, tag in enumerate(tags):
        if not TAG.fullmatch(tag):
            yield Fault(
                f"tags.{position}",
                "must be 1 to 50 letters, digits or any of _ . : / + - and space, starting with a letter or digit"
                + _held(unseen_in(tag)),
            )
    if len(set(tags)) != len(tags):
        yield Fault("tags", "must not repeat a tag")


def _bound_faults(definition: TaskDefinition) -> Iterator[Fault]:
    if not 0 <= definition.max_retries <= MAX_RETRIES:
        yield Fault("metadata.max_retries", f"must be 0 to {MAX_RETRIES}, is {definition.max_retries}")
    for name, value, (least, most) in (
        ("retry_interval", definition.retry_interval, RETRY_INTERVAL),
        ("timeout", definition.timeout, TIMEOUT),
    ):
        if not least <= value <= most:
            bounds = f"{format_duration(least)} to {format_duration(most)}"
            yield Fault(f"metadata.{name}", f"must be {bounds}, is {format_duration(value)}")


def _alert_faults(alerts: TaskAlerts) -> Iterator[Fault]:
    row, rate, late_after = alerts.failures_in_a_row, alerts.failure_rate, alerts.late_after
    if row is not None and not 1 <= row <= FAILURES_IN_A_ROW:
        yield Fault("metadata.alerts.failures_in_a_row", f"must be 1 to {FAILURES_IN_A_ROW}, is {row}")
    if rate is not None and not 0 < rate <= 1:
        yield Fault("metadata.alerts.failure_rate", f"must be above 0 and at most 1, is {rate:g}")
    if late_after is not None and not LATE_AFTER[0] <= late_after <= LATE_AFTER[1]:
        bounds = " to ".join(map(format_duration, LATE_AFTER))
        yield Fault("metadata.alerts.late_after", f"must be {bounds}, is {format_duration(late_after)}")
    yield from _expectation_faults(alerts.expect_success)
    channels = alerts.channels or ()
    if len(channels) > MAX_CHANNELS:
        yield Fault("metadata.alerts.channels", f"at most {MAX_CHANNELS} are allowed, {len(channels)} were given")
    for position, channel in enumerate(channels):
        if not CHANNEL.fullmatch(channel):
            yield Fault(
                f"metadata.alerts.channels.{position}",
                "must be a channel's name: 1 to 30 lower-case letters, digits or -, starting with a letter",
            )
    if len(set(channels)) != len(channels):
        yield Fault("metadata.alerts.channels", "must not repeat a channel")


def _expectation_faults(expected: ExpectedSuccess | None) -> Iterator[Fault]:
    if expected is None:
        return
    for name, value, (least, most) in (("period", expected.period, PERIOD), ("grace", expected.grace, GRACE)):
        if not least <= value <= most:
            bounds = f"{format_duration(least)} to {format_duration(most)}"
            message = f"must be {bounds}, is {format_duration(value)}"
            yield Fault(f"metadata.alerts.expect_success.{name}", message)


def _config_faults(definition: TaskDefinition, catalog: ExecutorCatalog) -> Iterator[Fault]:
    faults = list(_size_faults("config", definition.config))
    yield from faults
    if definition.type not in catalog.types():
        yield Fault("type", f"must be one of {', '.join(catalog.types())}")
    elif not faults:
        yield from catalog.faults(definition.type, definition.config)


def _size_faults(location: str, value: Mapping[str, Any]) -> Iterator[Fault]:
    if _depth(value) > CONFIG_DEPTH:
        yield Fault(location, f"must not be nested deeper than {CONFIG_DEPTH} levels")
        return
    size = len(json.dumps(value, default=str).encode())
    if size > CONFIG_BYTES:
        yield Fault(location, f"must have at most {CONFIG_BYTES} bytes as JSON, has {size}")
    yield from _key_faults(location, value)


def _key_faults(location: str, value: object) -> Iterator[Fault]:
    """Names and values that the stores can't hold as they are."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not key or key.startswith("$") or not is_storable(key):
                named = f"{location}.{storable_text(key)}"
                yield Fault(named, "a name must not be empty, start with $, or hold NUL or half of a surrogate pair")
            yield from _key_faults(f"{location}.{key}", inner)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _key_faults(f"{location}.{position}", inner)
    elif isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        yield Fault(location, "must fit into 64 bits")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Fault(location, "is a number too large to be held")
    elif isinstance(value, str) and not is_storable(value):
        yield Fault(location, "holds a NUL character or half of a surrogate pair, which can't be stored")


def _depth(value: object) -> int:
    if isinstance(value, Mapping):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list | tuple):
        return 1 + max(map(_depth, value), default=0)
    return 0
