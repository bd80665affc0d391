"""What is likely wrong with a task whose definition is valid. The answer to a create or an update lists it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.core.services.tasks.upcoming import next_runs

_LOOKED_AT = 30
"""Coming instants whose distances are compared."""
_SECOND = timedelta(seconds=1)


def schedule_warnings(task: Task, now: datetime) -> Iterator[Fault]:
    """Runs that take longer than the time between two of them, and an expected success that can't come in time."""
    gaps = [later - earlier for earlier, later in pairwise(next_runs(task, now, _LOOKED_AT))]
    if not gaps:
        return
    shortest, longest, takes = min(gaps), max(gaps), task.record.average_runtime
    if takes > shortest:
        rounded = format_duration(takes // _SECOND * _SECOND if takes > _SECOND else takes)
        yield Fault(
            "schedule",
            f"names runs {format_duration(shortest)} apart, and a run takes {rounded} on average: overlap "
            f"{task.definition.overlap} decides what happens",
        )
    expected = task.definition.alerts.expect_success
    if expected is not None and expected.period + expected.grace < longest:
        yield Fault(
            "metadata.alerts.expect_success",
            f"expects a success sooner than the schedule names a run: two are up to {format_duration(longest)} apart",
        )
