"""Turns pydantic's errors into faults that name the field as the client wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from falcon_scheduler.core.domain.redaction import conceal
from falcon_scheduler.core.errors import Fault

_LONGEST_LOCATION = 200
_PLAINER = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "unexpected_keyword_argument": "is not known here",
}


def faults_of(error: ValidationError, value: Mapping[str, Any], location: str) -> list[Fault]:
    """One fault for each field, in order; `value` is the validated value, and `location` its place."""
    messages: dict[str, list[str]] = {}
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join((location, *_path(detail, value)))[:_LONGEST_LOCATION]
        message = _PLAINER.get(detail["type"], detail["msg"]).removeprefix("Value error, ")
        found = messages.setdefault(where, [])
        if message not in found:
            found.append(conceal(message))
    return [Fault(where, ", or ".join(found)) for where, found in messages.items()]


def _path(detail: ErrorDetails, value: object) -> Iterator[str]:
    """The steps that exist in the value: pydantic adds the names of union members and validators between them."""
    last = len(detail["loc"]) - 1
    for position, step in enumerate(detail["loc"]):
        if _is_there(step, value):
            value = value[step]  # type: ignore[index] # checked above
        elif detail["type"] != "missing" or position != last:
            continue
        yield str(step)


def _is_there(step: int | str, value: object) -> bool:
    if isinstance(value, Mapping):
        return step in value
    return isinstance(value, list | tuple) and isinstance(step, int) and step < len(value)


def in_their_place(faults: Iterable[Fault], location: str, parameters: Mapping[str, Any]) -> list[Fault]:
    """The faults under `location`, moved to `parameters` where the run's own parameters had replaced the config's."""
    return [
        Fault(f"parameters.{rest}", fault.message)
        if (rest := fault.location.removeprefix(f"{location}.")) != fault.location
        and any(rest == name or rest.startswith(f"{name}.") for name in parameters)
        else fault
        for fault in faults
    ]


def texts(faults: Sequence[Fault]) -> str:
    """All faults in one line, for the error of an attempt."""
    return "; ".join(f"{fault.location} {fault.message}" for fault in faults)
