"""The one error that a schedule's text can cause. It says where and what, never how to answer it."""

from __future__ import annotations


class ScheduleError(ValueError):
    """The text is no schedule. `field` names the part at fault ("schedule: minute", "timezone"), `str()` says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
