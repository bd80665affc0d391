"""Base and types for the parameters model of a system task."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from falcon_scheduler.core.domain.duration import from_nanoseconds, parse_duration


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return from_nanoseconds(value)  # as the Go service stores it
    return value


GoDuration = Annotated[timedelta, BeforeValidator(_duration)]
"""A length of time, given as Go text such as `1m30s`."""


class Parameters(BaseModel):
    """Strict: text is no number, and an unknown name is an error. As it is, a model without any parameter."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
