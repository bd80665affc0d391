"""What the engine knows of a run: the engine-neutral picture that the mirror turns into executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.domain.execution import Trigger
from core.domain.task import DeployedAs


class RunPhase(StrEnum):
    """Where a run stands in the engine."""

    AHEAD = "ahead"
    """Due in the future; no execution yet, `next_run` shows it."""
    WAITING = "waiting"
    """Asked for or due, and not yet at work."""
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
        return self not in {RunPhase.AHEAD, RunPhase.WAITING, RunPhase.RUNNING}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment as the engine has it now, for comparing with our task."""

    task_id: str
    as_told: DeployedAs
