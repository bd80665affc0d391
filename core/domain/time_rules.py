"""What the text of a schedule does not express: from when, until when, how many runs, and how they are spread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.calendars import CalendarRules
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.jitter import delay_of

_NEAREST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRules:
    """Which of the instants of a schedule count. Both ends are included."""

    start_at: datetime | None = None
    end_at: datetime | None = None
    max_runs: int | None = None
    """How many scheduled runs may begin, counted from when the limit was set."""
    jitter: timedelta = timedelta()
    """Each run begins later than its instant by a part of this length, which is always the same for the instant."""
    calendars: CalendarRules = field(default_factory=CalendarRules)
    """On which days the instants are left, skipped or moved."""

    @property
    def need_single_runs(self) -> bool:
        """Whether the engine's own schedules can't express it, so that each run is planned by us."""
        return self != TimeRules()

    def before_first(self, instant: datetime) -> datetime:
        """The instant after which the next one is to be searched: this one, or what is right before `start_at`."""
        return instant if self.start_at is None else max(instant, self.start_at - _NEAREST)

    def include(self, instant: datetime) -> bool:
        """Whether the instant is neither before `start_at` nor after `end_at`."""
        return (self.start_at is None or instant >= self.start_at) and (self.end_at is None or instant <= self.end_at)

    def delay_of(self, task_id: str, instant: datetime, following: datetime | None) -> timedelta:
        """How much later than its instant a run begins; see `jitter`."""
        return delay_of(self.jitter, task_id, instant, following)

    def describe(self) -> str:
        """The rules in plain English; empty without any."""
        return ", ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.start_at is not None:
            yield f"from {_shown(self.start_at)} on"
        if self.end_at is not None:
            yield f"until {_shown(self.end_at)}"
        if self.max_runs is not None:
            yield "once" if self.max_runs == 1 else f"{self.max_runs} times at most"
        if self.jitter:
            yield f"each up to {format_duration(self.jitter)} later"
        if self.calendars:
            yield self.calendars.describe()


def _shown(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
