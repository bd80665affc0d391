"""What a client defines of a task: what runs, when and how. Defaults are the documented ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.alert import TaskAlerts
from falcon_scheduler.core.domain.calendars import CalendarRules
from falcon_scheduler.core.domain.catch_up import MISSED_AFTER, CatchUpRules
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.time_rules import TimeRules


class TaskType:
    """The four documented types. Another text is the name of a registered executor and runs like `CUSTOM`.

    Source: scheduler API, "Task Types".
    """

    HTTP = "http"
    FUNCTION = "function"
    SYSTEM = "system"
    CUSTOM = "custom"


class Overlap(StrEnum):
    """What happens when a task is due while its previous execution still runs."""

    SKIP = "skip"
    """The new one is skipped and counted in `skipped_count`."""
    QUEUE = "queue"
    """The new one waits for its turn."""
    CANCEL_RUNNING = "cancel_running"
    """The old one is cancelled and the new one starts."""


class After(StrEnum):
    """What becomes of a task once its schedule names no further instant (`@at`)."""

    KEEP = "keep"
    """It stays as it is, and can be run by hand."""
    DISABLE = "disable"
    """It is disabled."""
    DELETE = "delete"
    """It is deleted with its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """What a client may set on a task. `core.services.tasks.validation` checks the bounds.

    `config` is specific to the executor, by type; `timezone` is the IANA name of the schedule's zone.
    """

    name: str
    type: str
    schedule: str
    description: str = ""
    priority: Priority = Priority.NORMAL
    enabled: bool = True
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    max_retries: int = 3
    retry_interval: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(minutes=5)
    timezone: str = "UTC"
    overlap: Overlap = Overlap.SKIP
    alerts: TaskAlerts = field(default_factory=TaskAlerts)
    after: After = After.KEEP
    start_at: datetime | None = None
    end_at: datetime | None = None
    max_runs: int | None = None
    jitter: timedelta | None = None
    start_within: timedelta | None = None
    """A scheduled run that could not begin within this time of its instant does not begin."""
    calendars: CalendarRules = field(default_factory=CalendarRules)
    catch_up: CatchUpRules = field(default_factory=CatchUpRules)
    """What becomes of instants that were missed."""

    @property
    def begins_within(self) -> timedelta | None:
        """How late a scheduled run may begin; None without a limit."""
        if self.start_within is not None or self.catch_up.after_outage is None:
            return self.start_within
        return MISSED_AFTER

    @property
    def time_rules(self) -> TimeRules:
        """What limits the instants of the schedule."""
        return TimeRules(
            start_at=self.start_at,
            end_at=self.end_at,
            max_runs=self.max_runs,
            jitter=self.jitter or timedelta(),
            calendars=self.calendars,
        )
