"""Runs in the engine: asking for them, ending them, and finding them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.run import Run
from falcon_scheduler.core.domain.task import Task


class Runs(Protocol):
    """The engine's runs of our tasks: Prefect's flow runs."""

    async def start(
        self, task: Task, *, parameters: Mapping[str, Any], priority: Priority, key: str, may_refer: bool = False
    ) -> Run:
        """Create a run now. Calls with the same `key` return the same run, which may have begun or ended in between.

        With `may_refer` the run fills references to secrets in its own parameters, because the caller may write
        them into a config too.

        Raises:
            Invalid: the deployment is somebody else's, and does not take these parameters.
        """
        ...

    async def cancel(self, run_id: str) -> None:
        """Request the run's cancellation; nothing happens when it has ended or is gone."""
        ...

    async def conclude(self, execution: Execution, *, died: bool = False) -> None:
        """Give the run in the engine the end of its execution, in any state.

        `died`: its process is gone. Nothing happens when the engine has no such run (any more).
        """
        ...

    async def name_skip(self, run_id: str, message: str) -> None:
        """Name a skipped run as skipped in the engine too."""
        ...

    async def find(self, run_id: str) -> Run | None:
        """The run, or None when the engine has no such run (any more)."""
        ...

    async def of_ids(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """The runs of these ids that exist in the engine."""
        ...

    async def unfinished(self, deployment_id: str) -> Sequence[Run]:
        """The deployment's runs that wait or are at work; those ahead of time left out."""
        ...

    def changed_between(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Run]]:
        """Runs that began, ended or fell due in that time, a page after the other."""
        ...

    def at_work(self) -> AsyncIterator[Sequence[Run]]:
        """Runs in our pool that a worker has taken and that have not ended, a page after the other."""
        ...

    async def claim_patience(self) -> timedelta:
        """How long our pool's workers may take from claiming a run to beginning it."""
        ...

    async def waiting(self) -> int:
        """How many runs are requested or due and not yet running."""
        ...

    async def delete_ended_before(self, instant: datetime, limit: int) -> int:
        """Remove at most `limit` ended runs of ours from the engine; returns how many."""
        ...


class UnreadableRuns(Protocol):
    """Runs that the engine can't show in any list."""

    async def ids(self) -> Sequence[str]:
        """Ids of runs that the engine can't show. Lists of runs hold what can be known of them otherwise."""
        ...

    async def mend(self, run: Run, task: Task, reason: str) -> bool:
        """Make an unreadable run of the task readable. When that can't be, it ends as failed for this reason.

        False when it can't be read still.
        """
        ...
