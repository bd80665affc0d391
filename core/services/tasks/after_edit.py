"""Decides which instants get a run that the schedule of an edit names before the edit.

A task that ran each day at 18:00 and is changed to 14:00 at 15:00 has no run on that day: 14:00 is past, and 18:00 is
no longer named. With `after_edit` the new schedule counts from the instant at which the task was last due by the
schedule before it. The owed runs are stored in the same write as the edit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.owed import MOST_OWED, OwedRun, catch_up_request
from falcon_scheduler.core.domain.periods import Held
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.catching_up import latest_of

_NEAREST = timedelta(microseconds=1)


def with_edit(before: Task, changed: Task, at: datetime) -> Task:
    """The changed task, with owed runs as its `catch_up` says. `at` is when the change took effect.

    Nothing is owed for a task that is paused or disabled, before the edit or after it.
    """
    catch_up = changed.definition.catch_up.after_edit
    most = min(catch_up.most, MOST_OWED - len(changed.owed))
    present, former = changed.known_periods[-1], before.known_periods[-1]
    is_same = replace(present, held=former.held).is_like(former) and not before.impediments
    if most <= 0 or is_same or present.held is not Held.NOT or not _was_on(before):
        return changed
    begin = catch_up.begin(_last_due(before, at), at)
    owed_already = {each.at for each in changed.owed}
    missed = latest_of(present, changed, begin, at, most)
    request = catch_up_request("edit", changed.id)
    wanted = [each for each in catch_up.in_order(missed) if each not in owed_already]
    return changed.owing([OwedRun(at=each, request=request) for each in wanted])


def _was_on(task: Task) -> bool:
    """Whether the task was switched on; a task that can't run as it is stored is, too."""
    return task.definition.enabled and not task.paused and task.runs_left != 0


def _last_due(task: Task, at: datetime) -> datetime:
    """Right after the last instant before `at` at which the task was due, or since when it is on without one."""
    periods = [*task.known_periods]
    if task.impediments and len(periods) > 1:
        periods.pop()
    since = at
    for period in reversed(periods):
        if period.held is not Held.NOT:
            break
        if due := latest_of(period, task, period.since, since, 1):
            return due[-1] + _NEAREST
        since = period.since
    return since
