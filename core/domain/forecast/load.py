"""What is forecast, and the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.time_rules import TimeRules

RUN_COST = timedelta(milliseconds=400)
"""How much longer than its work a run keeps a slot: claim, fork, report of the end. An estimate, to be
compared with a real load by benchmarks/simulate.py."""
HTTP_RUN_COST = timedelta(milliseconds=100)
"""The same of an http run that shares a process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A task as the forecast sees it. `rank` is its priority, 1 first; `duration` how long a run of it takes."""

    id: str
    name: str
    schedule: str
    timezone: str
    counted_from: datetime
    rank: int
    duration: timedelta
    is_http: bool
    overlap: str
    may_change: bool = True
    """Whether a proposal may change its schedule."""
    rules: TimeRules = field(default_factory=TimeRules)
    runs_left: int | None = None
    """How many runs may begin, counted from the beginning of the forecast; None without a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """All tasks, from `begin` to `end`. With `http_slots` http tasks have these and leave `slots` to the others."""

    tasks: Sequence[Workload]
    begin: datetime
    end: datetime
    slots: int
    http_slots: int = 0
    most_runs: int = 750_000
    """Runs whose wait is worked out one by one; equal hours count once. About two microseconds for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One stretch of the asked time."""

    at: datetime
    runs: int
    busiest_minute: int
    """The most runs that are due within one minute."""
    used: float
    """The share of all slots that the work needs; above 1 it can't be done in the time."""
    queue: int | None
    """The most runs that wait at once. This and the next two are None where the queue was not worked out."""
    late: timedelta | None
    """The mean wait for a slot."""
    late_most: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeakTask:
    """A task that is due in a peak, and how often."""

    id: str
    name: str
    schedule: str
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """A minute with many runs. `times` is how many minutes are like it; `at` is the first of them."""

    at: datetime
    times: int
    runs: int
    queue: int | None
    late_most: timedelta | None
    tasks: Sequence[PeakTask]
    """Those with the most work in it, at most ten."""
    other_tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlapping:
    """A task that is due while its previous run waits or is at work, how often, and how long a run of it takes."""

    id: str
    name: str
    times: int
    duration: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole time in a few figures, to compare two forecasts by."""

    runs: int
    busiest_minute: int
    busiest_second: int
    queue: int
    late: timedelta
    late_most: timedelta
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankLateness:
    """How long runs of one priority wait for a slot."""

    rank: int
    runs: int
    late: timedelta
    late_most: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """See the fields' types. `worked_out_until` is up to when the queue was worked out."""

    summary: Summary
    bucket: timedelta
    buckets: Sequence[Bucket]
    by_rank: Sequence[RankLateness]
    peaks: Sequence[Peak]
    overlaps: Sequence[Overlapping]
    overlapping_tasks: int
    worked_out_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Respelling:
    """A task's schedule, and one that spreads it."""

    id: str
    name: str
    schedule: str
    proposed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Schedules that flatten the peaks, and what the whole time would be with them."""

    changes: Sequence[Respelling]
    summary: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A forecast, and what would improve it; no proposal when nothing would."""

    forecast: Forecast
    proposal: Proposal | None
