"""What a run is given travels through Prefect as one JSON text, which Prefect neither reads nor changes.

An object would be hydrated by Prefect's server (`{"__prefect_kind": ...}` at any depth is evaluated there) and stored
as jsonb, which writes 1e20 as an integer that no list of the server can hold any more. A text is neither. Runs that
an earlier version planned, and those of `prefect deployment run`, carry an object; it is read too.
Source: prefect 3.8, `prefect.utilities.schema_tools.hydration`, `prefect.server.utilities.database.JSON`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.services.tasks.validation import parameter_faults

HYDRATED = "__prefect_kind"
"""The name that makes Prefect's server evaluate an object, at any depth."""
PLAIN_FLOATS_BELOW = 1e16
"""From here on a float is written with an exponent, and jsonb turns it into an integer."""


def sealed(parameters: Mapping[str, Any]) -> str:
    """The parameters as one text. `opened` gives back equal values of the same types."""
    return json.dumps(parameters, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def opened(given: object) -> Mapping[str, Any]:
    """The parameters of a flow run: JSON text of an object, an object, or nothing.

    Raises:
        Invalid: it is none of these, or holds what a run's parameters may not.
    """
    value = _parsed(given) if isinstance(given, str) else restored(given)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid.of("parameters", "must be a JSON object, or the JSON text of one")
    faults = parameter_faults(value)
    if faults:
        raise Invalid(faults)
    return value


def restored(value: Any) -> Any:
    """A value from an object that jsonb has kept: an integer beyond 64 bits was a float."""
    if isinstance(value, Mapping):
        return {name: restored(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [restored(inner) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        try:
            return float(value)
        except OverflowError:
            return value
    return value


def sendable(value: Any) -> Any:
    """The value with text in the place of integers that Prefect's lists can't hold."""
    if isinstance(value, Mapping):
        return {name: sendable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [sendable(inner) for inner in value]
    is_large = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if is_large else value


def _parsed(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise Invalid.of("parameters", "are nested too deeply") from error
    except ValueError as error:
        raise Invalid.of("parameters", f"must be the JSON text of an object: {error}") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def altered_by_prefect(parameters: Mapping[str, Any]) -> list[Fault]:
    """What Prefect would evaluate or change in parameters that have to be handed to it as an object.

    Only a deployment of somebody else's takes them so. Its flow names them, so they can't travel as a text.
    """
    return list(_altered("parameters", parameters))


def _altered(location: str, value: Any) -> Iterator[Fault]:
    if isinstance(value, Mapping):
        if HYDRATED in value:
            yield Fault(f"{location}.{HYDRATED}", "would be evaluated by Prefect and can't be given")
        for name, inner in value.items():
            yield from _altered(f"{location}.{name}", inner)
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _altered(f"{location}.{position}", inner)
    elif isinstance(value, float) and not _survives(value):
        yield Fault(location, "is a number that Prefect would change; give it as text or as an integer")


def _survives(value: float) -> bool:
    """Whether jsonb gives back the same float."""
    if value == 0:
        return math.copysign(1, value) > 0
    return abs(value) < PLAIN_FLOATS_BELOW
