"""Resumes a task, with an owed run for each instant that it missed while it was paused and catches up with.

The owed runs are stored in the same write as the resumption, so neither is without the other.
`core.services.mirror.owed_runs` starts the runs, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.owed import MOST_OWED, OwedRun, catch_up_request
from falcon_scheduler.core.domain.periods import Held, Period
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.fire_times import instants_within

_FIRST_LOOK = timedelta(minutes=1)


def with_paused(task: Task, paused: bool, by: str, at: datetime, *, since: datetime | None = None) -> Task:
    """The task paused, or resumed with owed runs as its `catch_up` says. A second call changes nothing.

    `since` is when the change took effect, if that was before it was noticed.
    """
    changed = task.with_paused(paused, by, at, since=since)
    if paused or changed is task:
        return changed
    catch_up = task.definition.catch_up.after_pause
    room = MOST_OWED - len(task.owed)
    until = since or at
    missed = _missed(task, until, catch_up.begin(task.created_at, until), min(catch_up.most, room))
    owed_already = {each.at for each in task.owed}
    wanted = [each for each in catch_up.in_order(missed) if each not in owed_already]
    request = catch_up_request("pause", task.id)
    return changed.owing([OwedRun(at=each, request=request) for each in wanted])


def _missed(task: Task, until: datetime, begin: datetime, most: int) -> list[datetime]:
    """The latest `most` instants from `begin` on of the pause that ends at `until`, in order."""
    found: list[datetime] = []
    for period in reversed(task.known_periods):
        if period.held is not Held.PAUSED or len(found) >= most or until <= begin:
            break
        first = max(begin, period.since)
        found = [*latest_of(replace(period, held=Held.NOT), task, first, until, most - len(found)), *found]
        until = period.since
    return found


def latest_of(period: Period, task: Task, begin: datetime, until: datetime, most: int) -> Sequence[datetime]:
    """The latest `most` instants of the period within a time, which may be long and the schedule fast."""
    span, found = _FIRST_LOOK, list[datetime]()
    while begin < until:
        start = max(begin, until - span)
        found = instants_within(period, task, start, until)
        if len(found) >= most or start == begin:
            break
        span *= 2
    return found[-most:] if most else ()
