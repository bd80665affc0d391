"""Instants whose deployment the engine has lost, as after its database was restored from a copy.

The engine can run nothing for them until the reload has deployed their tasks again, under another id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from falcon_scheduler.core.ports import TaskStore
from falcon_scheduler.core.services.mirror.due_instants import Holes, Instant


class LostDeployments:
    """Remembers instants that have no run, until their tasks are deployed again or deleted."""

    def __init__(self, *, tasks: TaskStore, kept_for: timedelta) -> None:
        self._tasks = tasks
        self._kept_for = kept_for
        self._kept: dict[Instant, str] = {}

    def keep(self, due: Mapping[Instant, str]) -> None:
        """Remember instants, with the ids of their tasks."""
        self._kept.update(due)

    def forget(self) -> None:
        """Another facade has the duty now."""
        self._kept = {}

    async def deployed_again(self, now: datetime) -> Holes:
        """The instants that can be planned now. They are not remembered any more, nor are those that are too old."""
        kept, found = self._kept, defaultdict[str, list[datetime]](list)
        tasks = await self._tasks.of_ids({*kept.values()})
        self._kept = {}
        for (deployment_id, instant), task_id in kept.items():
            present = tasks[task_id].deployment_id if task_id in tasks else None
            if present == deployment_id and now - instant <= self._kept_for:
                self._kept[deployment_id, instant] = task_id
            elif present not in {None, deployment_id}:
                found[task_id].append(instant)
        return found
