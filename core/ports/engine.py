"""What runs tasks at their time, and its news."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.run import Deployed, Run, RunPhase
from falcon_scheduler.core.domain.task import DeployedAs, Priority, Task


class RunEngine(Protocol):
    """What runs tasks at their time: Prefect."""

    async def deploy(self, task: Task) -> DeployedAs:
        """Make the engine's picture of the task equal to ours and return what it was told.

        Creates or replaces. Runs that are due or at work stay as they are; what was planned ahead is dropped, so
        `plan` follows.
        """
        ...

    async def plan(self, task: Task, since: datetime) -> None:
        """Plan the task's instants from `since` on, at once and as far ahead as the engine itself does.

        Repeatable: what is planned is not planned again.
        """
        ...

    async def plan_instants(self, task: Task, instants: Sequence[datetime]) -> int:
        """Ask for a run for each of these instants that has none, whatever the present schedule says; how many."""
        ...

    def planned(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[tuple[str, datetime]]]:
        """Deployment and instant of all that is planned in this time, whatever became of it, in pages."""
        ...

    async def remove(self, task: Task) -> None:
        """Remove the deployment and every run of it; nothing happens when it is gone."""
        ...

    async def remove_deployment(self, deployment_id: str) -> None:
        """Remove a deployment that no task stands behind, with its runs."""
        ...

    def deployed(self) -> AsyncIterator[Deployed]:
        """Every deployment of ours, and those of others that carry the adoption tag, as far as they can be read."""
        ...

    async def deployed_as(self, deployment_ids: Sequence[str]) -> Sequence[Deployed]:
        """Those of the ids that are deployments of ours or carry the adoption tag, as far as they can be read."""
        ...

    async def is_there(self, deployment_id: str) -> bool:
        """Whether there is such a deployment, ours or tagged, readable or not."""
        ...

    def fingerprint(self, task: Task) -> str:
        """The `DeployedAs.fingerprint` of a deployment that is equal to our picture of the task."""
        ...

    async def start(
        self, task: Task, *, parameters: Mapping[str, Any], priority: Priority, key: str, may_refer: bool = False
    ) -> Run:
        """Ask for a run now. Calls with the same `key` ask for the same run, which may have begun or ended meanwhile.

        With `may_refer` the run fills references to secrets in its own parameters, because whoever asks may write
        them into a config as well.

        Raises:
            Invalid: the deployment is somebody else's, and does not take these parameters.
        """
        ...

    async def cancel(self, run_id: str) -> None:
        """Ask for the run's cancellation; nothing happens when it has ended or is gone."""
        ...

    async def conclude(self, execution: Execution, *, died: bool = False) -> None:
        """Make the engine agree with the end that an execution has, whatever it believes so far.

        `died` says that its process is gone. Nothing happens when the engine does not know the run (any more).
        """
        ...

    async def name_skip(self, run_id: str, message: str) -> None:
        """Let a run that was skipped say so in the engine too."""
        ...

    async def run(self, run_id: str) -> Run | None:
        """The run, or None when the engine does not know it (any more)."""
        ...

    async def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Those of the ids that the engine knows."""
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

    async def unreadable(self) -> Sequence[str]:
        """Ids of runs that the engine can't show. Everywhere else stands what can be known of them without that."""
        ...

    async def mend(self, run: Run, task: Task, reason: str) -> bool:
        """Make an unreadable run of the task readable. When that can't be, it ends as failed for this reason.

        False when it can't be read still.
        """
        ...

    async def claim_patience(self) -> timedelta:
        """How long our pool's workers may take from claiming a run to beginning it."""
        ...

    async def was_removed(self, deployment_id: str) -> bool:
        """Whether somebody removed this deployment in the engine, as against it never having been there."""
        ...

    async def waiting(self) -> int:
        """How many runs are asked for or due and not yet at work."""
        ...

    async def delete_runs_ended_before(self, instant: datetime, limit: int) -> int:
        """Remove at most `limit` ended runs of ours from the engine; returns how many."""
        ...


class PlannerProbe(Protocol):
    """Finds out whether the engine's own planner is at work."""

    async def owed_for(self) -> timedelta | None:
        """How long the planner has owed a run; zero when it has planned one, None when that is not known yet."""
        ...

    async def round(self) -> timedelta:
        """How often the planner makes its round."""
        ...

    def forget(self) -> None:
        """Begin anew: another process has looked meanwhile."""
        ...


class ChangeKind(StrEnum):
    """What a piece of news is about."""

    RUN = "run"
    """A run entered another phase."""
    DEPLOYMENT = "deployment"
    """A deployment was created or changed."""
    DEPLOYMENT_REMOVED = "deployment_removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of news: the kind and the engine's id. What is true now has to be asked for."""

    kind: ChangeKind
    id: str
    phase: RunPhase | None = None
    """Which phase a run entered, where that is all that the news says."""


class ChangeFeed(Protocol):
    """The engine's news as they happen. Not complete: a sweep makes up for what it misses."""

    def changes(self) -> AsyncIterator[Change]:
        """News until the connection is lost, which raises `Unavailable`; ask again to listen on."""
        ...
