"""A run as the engine reports it, in terms independent of the engine. The mirror turns it into an execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.task import DeployedAs, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition


class RunPhase(StrEnum):
    """The phase of a run in the engine."""

    AHEAD = "ahead"
    """Due in the future; there is no execution yet, `next_run` shows it."""
    WAITING = "waiting"
    """Requested or due, and not yet running."""
    CLAIMED = "claimed"
    """A worker has claimed it and not begun it."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """An error, the timeout or a crash; `message` gives the reason."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """It never began, because of the overlap rule or because its instant is none any more."""

    @property
    def is_terminal(self) -> bool:
        """The phase never changes again."""
        return self not in {RunPhase.AHEAD, RunPhase.WAITING, RunPhase.CLAIMED, RunPhase.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as the engine reports it. `id` is the execution's id too."""

    id: str
    deployment_id: str | None
    phase: RunPhase
    trigger: Trigger
    message: str = ""
    """The engine's message on the phase; fit for an execution's `error`."""
    due_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    changed_at: datetime | None = None
    """When the run entered its phase."""
    attempts: int = 0
    priority: str = ""
    """The name of its `Priority`; empty for a run in another queue than ours."""
    given: Callable[[], Mapping[str, Any]] = field(default=dict, compare=False)
    """Returns the run's own parameters, or none if they can't be read."""
    worker: str = ""
    cancelling: bool = False
    """Its cancellation was requested and is not complete."""
    outcome: ExecutionOutcome | None = None
    """How it ended, where the engine knows more than the phase: the timeout, a crash."""
    is_plain_cancel: bool = False
    """It was skipped, but its state's name in the engine is Cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment as the engine has it now, for comparing with our task."""

    task_id: str
    as_deployed: DeployedAs
    changed_at: datetime | None = None
    """When anybody last changed it; the engine dropped its planned runs then."""
    changes: Callable[[Task], Mapping[str, Any]] = field(default=lambda _: {}, compare=False)
    """Fields of a task's definition that differ in the deployment, as far as a task can express them."""
    taken_back: Callable[[Task], Mapping[str, Any]] = field(default=lambda _: {}, compare=False)
    """What differs in the deployment and a task can't express, under the engine's names and with its values."""
    serves: Callable[[Task], bool] = field(default=lambda _: True, compare=False)
    """Whether it is for a task of this type. One that is not is paused and replaced by the task's next deployment."""
    adopted: TaskDefinition | None = None
    """For a deployment that a user made in Prefect: the definition of its task. None for one of ours."""

    def outline(self) -> Deployed:
        """The same for remembering thousands: equal to this one, without what reads the engine's whole answer."""
        return Deployed(
            task_id=self.task_id, as_deployed=self.as_deployed, changed_at=self.changed_at, adopted=self.adopted
        )
