"""Gives generated bodies a schedule and a config that mean something, so that most tasks are really created.

Loaded by schemathesis. Bodies that are wrong on purpose are left alone. Queries that are wrong on purpose, but right
as they are sent, are left out: schemathesis 4 knows them when one parameter is mutated, not when several are.
"""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from schemathesis.core.parameters import ParameterLocation

SCHEDULES = ("0 */10 * * * *", "@hourly", "@every 90s", "CRON_TZ=Europe/Berlin 0 0 9 * * 1-5")
NOOP = {"function_name": "noop", "module": "builtin"}


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out a request whose mutated query parameters all read as valid: `?type=false&tags=false` is text."""
    if case.meta is None or case.meta.generation.mode.is_positive:
        return True
    wrong = {location for location, component in case.meta.components.items() if component.mode.is_negative}
    mutated = {mutation.parameter for mutation in getattr(case.meta.phase.data, "mutations", ())}
    if wrong != {ParameterLocation.QUERY} or not mutated:
        return True
    return not all(
        name in case.query and _reads_as_valid(case.operation.query.get(name), case.query[name]) for name in mutated
    )


def _reads_as_valid(parameter: Any, value: Any) -> bool:
    """Whether the text sent for a parameter is one that its schema takes, be it as a list or as the last of them."""
    values = value if isinstance(value, list) else [value]
    if parameter is None or not values or not all(isinstance(each, str | int | float) for each in values):
        return False
    texts = [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
    accepts = parameter.get_validator().is_valid
    return any(accepts(reading) for reading in (texts, *_readings(texts[-1])))


def _readings(text: str) -> list[Any]:
    """A text as itself and as the number or boolean that it spells."""
    try:
        return [text, json.loads(text)]
    except ValueError:
        return [text]


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Correct a value that has the right shape."""
    if case.meta is None or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    bodies = case.body.get("tasks") if "tasks" in case.body else [case.body]
    for body in bodies if isinstance(bodies, list) else []:
        if isinstance(body, dict):
            _mend(body)


def _mend(body: dict[str, Any]) -> None:
    if isinstance(body.get("schedule"), str):
        body["schedule"] = SCHEDULES[len(body["schedule"]) % len(SCHEDULES)]
    if "timezone" in body:
        body["timezone"] = "Europe/Berlin"
    if isinstance(body.get("metadata"), dict) and "timezone" in body["metadata"]:
        body["metadata"]["timezone"] = "Asia/Tokyo"
    if "type" in body:
        body.update(type="function", config=NOOP)
    elif "config" in body and len(str(body)) % 2:
        body["config"] = NOOP
