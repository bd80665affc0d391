"""Why an execution was skipped: a closed list of reasons, each with one text.

The text is what the engine shows of a skipped run. `Skip.of_text` reads it back, so that the reason survives when the
run's process could not write the execution itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from falcon_scheduler.core.domain.duration import format_duration


class SkipReason(StrEnum):
    """Why an execution never began."""

    STILL_RUNNING = "still_running"
    """Another execution of the task was at work: the lock or the engine's own limit found it."""
    ALREADY_SERVED = "already_served"
    """Another execution had begun for the same scheduled instant."""
    PAUSED = "paused"
    """The task was paused at the scheduled instant."""
    DISABLED = "disabled"
    """The task was disabled at the scheduled instant, or is disabled now."""
    SCHEDULE_CHANGED = "schedule_changed"
    """The schedule was changed and does not name the instant any more."""
    START_DATE = "start_date"
    """The instant is before the task's `start_at`."""
    END_DATE = "end_date"
    """The instant is after the task's `end_at`."""
    RUN_LIMIT = "run_limit"
    """As many scheduled runs as `max_runs` allows had begun."""
    CALENDAR = "calendar"
    """A calendar of the task excludes the day."""
    TOO_LATE = "too_late"
    """It could not begin within `start_within` of its scheduled instant."""
    IN_PREFECT = "in_prefect"
    """Somebody set the run to Skipped in Prefect."""


_BY_ANOTHER = "of another worker"
_STILL_RUNNING = re.compile(r"Execution (\S+|of another worker) is still running")
_HELD = re.compile(r"The task (?:is|was) (paused|disabled)")
_LATE = re.compile(r"The run could not begin within \S+ of its scheduled instant")
_LIMIT = re.compile(r"The task has had the \d+ scheduled runs that it is limited to")
_TEXTS = {
    "The scheduled instant is before the task's start_at": SkipReason.START_DATE,
    "The scheduled instant is after the task's end_at": SkipReason.END_DATE,
    "A calendar of the task excludes the day of the scheduled instant": SkipReason.CALENDAR,
    "Another execution has begun for this scheduled instant": SkipReason.ALREADY_SERVED,
    "The schedule was changed and does not name this instant any more": SkipReason.SCHEDULE_CHANGED,
    "Deployment concurrency limit reached.": SkipReason.STILL_RUNNING,
    "Skipped: the run before it was still under way.": SkipReason.STILL_RUNNING,
}
"""The last two are the texts of the engine and of the worker when the engine's own limit refuses a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """The reason of a skip and its text. `held_by` is the execution that was at work, if it is known."""

    reason: SkipReason
    text: str
    held_by: str = ""

    @property
    def lacks_holder(self) -> bool:
        """Whether an execution was at work and it is not known which."""
        return self.reason is SkipReason.STILL_RUNNING and not self.held_by

    @classmethod
    def still_running(cls, held_by: str) -> Skip:
        """Another execution was at work; `held_by` may be empty."""
        text = f"Execution {held_by or _BY_ANOTHER} is still running"
        return cls(reason=SkipReason.STILL_RUNNING, text=text, held_by=held_by)

    @classmethod
    def already_served(cls) -> Skip:
        """Another execution had begun for the same scheduled instant."""
        return cls.of_text("Another execution has begun for this scheduled instant")

    @classmethod
    def schedule_changed(cls) -> Skip:
        """The instant is none of the schedule's any more."""
        return cls.of_text("The schedule was changed and does not name this instant any more")

    @classmethod
    def outside_time(cls, *, too_early: bool) -> Skip:
        """The instant is before `start_at`, or after `end_at`."""
        end = "before the task's start_at" if too_early else "after the task's end_at"
        return cls.of_text(f"The scheduled instant is {end}")

    @classmethod
    def excluded(cls) -> Skip:
        """A calendar in force at the instant excludes its day."""
        return cls.of_text("A calendar of the task excludes the day of the scheduled instant")

    @classmethod
    def run_limit(cls, limit: int) -> Skip:
        """As many scheduled runs as the limit allows had begun."""
        return cls.of_text(f"The task has had the {limit} scheduled runs that it is limited to")

    @classmethod
    def too_late(cls, start_within: timedelta) -> Skip:
        """The run could not begin within this time of its instant."""
        return cls.of_text(f"The run could not begin within {format_duration(start_within)} of its scheduled instant")

    @classmethod
    def held(cls, how: str, *, still: bool) -> Skip:
        """The task was `paused` or `disabled`, and with `still` it is so now."""
        return cls.of_text(f"The task {'is' if still else 'was'} {how}")

    @classmethod
    def of_text(cls, text: str) -> Skip:
        """Read the text of a skip. Any other text means that somebody else set the run to Skipped."""
        if found := _STILL_RUNNING.fullmatch(text):
            return cls.still_running("" if found[1] == _BY_ANOTHER else found[1])
        if found := _HELD.fullmatch(text):
            return cls(reason=SkipReason(found[1]), text=text)
        if _LATE.fullmatch(text):
            return cls(reason=SkipReason.TOO_LATE, text=text)
        if _LIMIT.fullmatch(text):
            return cls(reason=SkipReason.RUN_LIMIT, text=text)
        return cls(reason=_TEXTS.get(text, SkipReason.IN_PREFECT), text=text)
