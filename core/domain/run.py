"""What the engine knows of a run: the engine-neutral picture that the mirror turns into executions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.task import DeployedAs, Task, TaskDefinition


class RunPhase(StrEnum):
    """Where a run stands in the engine."""

    AHEAD = "ahead"
    """Due in the future; no execution yet, `next_run` shows it."""
    WAITING = "waiting"
    """Asked for or due, and not yet at work."""
    CLAIMED = "claimed"
    """Taken by a worker that has not begun it yet."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """An error, the timeout or a crash; `message` says which."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Left out because of the overlap rule."""

    @property
    def is_terminal(self) -> bool:
        """Nothing more will happen to the run."""
        return self not in {RunPhase.AHEAD, RunPhase.WAITING, RunPhase.CLAIMED, RunPhase.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as the engine tells it. `id` is the execution's id too."""

    id: str
    deployment_id: str | None
    phase: RunPhase
    trigger: Trigger
    message: str = ""
    """The engine's words on the phase; fit for an execution's `error`."""
    due_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    changed_at: datetime | None = None
    """When the run entered its phase."""
    attempts: int = 0
    worker: str = ""
    cancelling: bool = False
    """Its cancellation was asked for and has not come to its end yet."""
    is_plain_cancel: bool = False
    """It was skipped, but its name in the engine says cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment as the engine has it now, for comparing with our task."""

    task_id: str
    as_told: DeployedAs
    changed_at: datetime | None = None
    """When it was changed last, by anybody: what the engine had planned ahead was dropped then."""
    changes: Callable[[Task], Mapping[str, Any]] = field(default=lambda _: {}, compare=False)
    """Fields of a task's definition that the deployment has otherwise, as far as they can be told in our terms."""
    taken_back: Callable[[Task], Mapping[str, Any]] = field(default=lambda _: {}, compare=False)
    """What the deployment has otherwise and a task can't say, by the engine's names and as it is there."""
    adopted: TaskDefinition | None = None
    """What the task of a deployment looks like that somebody else made; None for one of ours."""
