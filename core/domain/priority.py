"""The priorities of tasks."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """The order in which workers take waiting executions. Source: scheduler API, "Priority System"."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"
