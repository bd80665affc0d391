"""The settings of time of a task, as a part of its document. A setting without a value is absent."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.adapters.mongo.fields import text_of
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.domain.time_rules import TimeRules


def time_settings_document(definition: TaskDefinition) -> dict[str, Any]:
    """The settings that are set, for the task's `metadata`."""
    start_within = text_of(definition.start_within)
    return time_rules_document(definition.time_rules) | ({"start_within": start_within} if start_within else {})


def time_settings_of(metadata: Reading) -> dict[str, Any]:
    """The settings by their names in a task's definition."""
    rules = time_rules_of(metadata)
    return {
        "start_at": rules.start_at,
        "end_at": rules.end_at,
        "max_runs": rules.max_runs,
        "jitter": rules.jitter or None,
        "start_within": metadata.duration("start_within") or None,
    }


def time_rules_document(rules: TimeRules) -> dict[str, Any]:
    """The rules that are set."""
    document = {
        "start_at": rules.start_at,
        "end_at": rules.end_at,
        "max_runs": rules.max_runs,
        "jitter": format_duration(rules.jitter) if rules.jitter else None,
    }
    return {name: value for name, value in document.items() if value is not None}


def time_rules_of(fields: Reading) -> TimeRules:
    """Read the rules."""
    most = fields.number("max_runs")
    return TimeRules(
        start_at=fields.instant("start_at"),
        end_at=fields.instant("end_at"),
        max_runs=most if most > 0 else None,
        jitter=fields.duration("jitter"),
    )
