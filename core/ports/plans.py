"""What the engine is going to run: the instants that it has planned, and whether its planner is at work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.task import Task


class Plans(Protocol):
    """The instants for which the engine has a run ahead of time."""

    async def plan(self, task: Task, since: datetime) -> None:
        """Plan the task's instants from `since` on, at once and as far ahead as the engine itself does.

        Repeatable: what is planned is not planned again.
        """
        ...

    async def plan_instants(self, task: Task, instants: Sequence[datetime]) -> int:
        """Create a run for each of these instants that has none, even outside of the present schedule; how many."""
        ...

    async def plan_owed(self, task: Task, owed: OwedRun) -> None:
        """Create a run for an instant of the past, which begins whatever the task's schedule was at it.

        Repeatable: one run for each `owed.key`.
        """
        ...

    async def plan_single_instants(self, task: Task, instants: Sequence[datetime]) -> None:
        """Have a run ahead of time for each of these instants, and for no other that we had the engine plan singly.

        Repeatable. The engine's planner does not know these runs, so what it drops and plans again leaves them alone.
        """
        ...

    async def drop(self, task: Task, instants: Sequence[datetime]) -> int:
        """Remove the runs that are planned for these instants and are not due yet. Repeatable; returns how many."""
        ...

    def planned(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[tuple[str, datetime]]]:
        """Deployment and instant of all runs planned in this time, in any state, in pages."""
        ...


class PlannerProbe(Protocol):
    """Finds out whether the engine's own planner is at work."""

    async def owed_for(self) -> timedelta | None:
        """For how long the planner has not planned the probe's run; zero when it has, None when unknown yet."""
        ...

    async def round(self) -> timedelta:
        """How often the planner makes its round."""
        ...

    def forget(self) -> None:
        """Start again: another process has checked in between."""
        ...
