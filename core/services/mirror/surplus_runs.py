"""Removes runs that the engine has planned although their task does not name their instants.

The engine's planner reads a deployment and stores its runs in two transactions. A pause or an edit in between removes
the planned runs, and the planner then stores up to a hundred of the former schedule. None of them is performed: each
is skipped when it begins, with the reason. But the history of a paused task would fill with them.
Source: prefect 3.8, `server.services.scheduler.schedule_deployments`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.ports import Plans
from falcon_scheduler.core.services.mirror.due_instants import Instant, due_of
from falcon_scheduler.core.services.tasks.deploying import TaskDeploying

logger = logging.getLogger(__name__)

_NEXT = timedelta(microseconds=1)


class SurplusRuns:
    """May be used in any number of facades."""

    def __init__(self, *, plans: Plans, deploying: TaskDeploying) -> None:
        self._plans = plans
        self._deploying = deploying

    async def drop(self, task: Task, planned: Sequence[datetime]) -> None:
        """Remove those of the planned runs that the task does not name. `task` was read after its deployment.

        If the task is resumed at this moment, the later check of past instants makes up for a run that is removed.
        """
        if not self._is_settled(task):
            return
        named = {instant for _, instant in due_of([task], min(planned), max(planned) + _NEXT)}
        surplus = [each for each in planned if each not in named]
        if dropped := await self._plans.drop(task, surplus):
            logger.info("Removed %d planned runs that task %s does not name", dropped, task.id)

    def _is_settled(self, task: Task) -> bool:
        """Whether what the task names is known, and the engine was sent the task as it is."""
        is_sent = task.deployed is not None and task.deployed.active == task.fires and task.unplanned_since is None
        is_known = not task.fires or (task.source is not Source.IMPORT and bool(task.definition.schedule))
        return is_sent and is_known and not self._deploying.is_deploying(task.id)


def by_deployment(instants: Collection[Instant]) -> Mapping[str, Sequence[datetime]]:
    """The instants of each deployment."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for deployment_id, instant in instants:
        found[deployment_id].append(instant)
    return found
