"""A setting as administrators see it: its name, its value without secrets, and where the value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SettingSource(StrEnum):
    """Where a value comes from."""

    ENVIRONMENT = "environment"
    """The variable of this name is set."""
    DERIVED = "derived"
    """It is part of another variable, such as the host in a URL."""
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSetting:
    """One setting. `value` is plain JSON; lengths of time are Go durations, and secrets are concealed."""

    name: str
    value: Any
    source: SettingSource
    is_secret: bool
    """Whether it holds a secret by its nature. Its value is None when it is not set, else concealed."""
