"""Which instants the tasks' schedules name in a time, each with the deployment that serves it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from falcon_scheduler.core.domain.schedule import ScheduleError
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.tasks.fire_times import due_between
from falcon_scheduler.core.services.tasks.planning import MOST_AT_ONCE

logger = logging.getLogger(__name__)

Instant = tuple[str, datetime]
"""A deployment and when it is due."""
Holes = Mapping[str, Sequence[datetime]]
"""Instants without a run, by the id of their task."""


def due_of(tasks: Sequence[Task], begin: datetime, end: datetime) -> Mapping[Instant, str]:
    """What our schedules name in this time, with the id of the task."""
    return {
        (task.deployment_id, instant): task.id
        for task in tasks
        if task.deployment_id is not None
        for instant in _due(task, begin, end)
    }


def _due(task: Task, begin: datetime, end: datetime) -> Sequence[datetime]:
    try:
        return due_between(task, begin, end, MOST_AT_ONCE)
    except ScheduleError as error:  # stored by another version, or by hand
        logger.error("The schedule of task %s can not be read: %s", task.id, error)
        return ()
