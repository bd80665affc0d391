"""The terms between a run's process and the service that performs it: what goes in, and what comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.work import Progress, WorkLog
from falcon_scheduler.core.ports import Lock


class LostError(Exception):
    """The run's execution was ended by somebody else: it was cancelled, or counted as dead."""


class Ending(StrEnum):
    """How a run ended, for the engine."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    GAVE_WAY = "gave_way"
    """An earlier requested execution goes first; this one is scheduled again."""
    LEFT = "left"
    """It has not begun, and is left to whoever finds it scheduled in the engine. Not a state of the engine."""
    ALREADY_ENDED = "already_ended"
    """The execution had ended before; nothing was run, and the engine is to show that end again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a run, for the engine.

    `message` is short. If the history could not be reached, it contains all that the mirror needs to write it later.
    """

    ending: Ending
    message: str
    before: Outcome | None = None
    """With `Ending.ALREADY_ENDED`: how it had ended."""
    timed_out: bool = False
    """The run failed by the task's timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One run as its process was given it."""

    execution_id: str
    task_id: str
    trigger: Trigger
    due_at: datetime | None = None
    version: str = ""
    """The version of the task by which the run was planned; empty when that is not known."""
    queued_at: datetime | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    priority: str = ""
    may_refer: bool = False
    """Whether the requesting caller may refer to secrets in the run's parameters."""
    worker_id: str = ""
    owed: bool = False
    """Requested for its instant: it begins whatever the schedule was at it, and however late."""
    again: bool = False
    """Of an owed run: it begins even if another execution has begun for its instant."""


class NotToBeginError(Exception):
    """The run is skipped although it is its turn."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip.text)
        self.skip = skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A failed attempt that will be followed by another after `delay`."""

    number: int
    of: int
    error: str
    delay: timedelta


async def _never() -> bool:
    return False


async def always() -> bool:
    """The engine gave the run to its worker before."""
    return True


def _note_nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnvironment:
    """What the run's process offers: its log, progress, and the engine's ear."""

    log: WorkLog
    progress: Progress
    on_retry: Callable[[Attempt], Awaitable[None]]
    cancelled: Callable[[], bool]
    """Whether an interruption is a user's cancellation (else the worker is shutting down)."""
    performer: str = ""
    """Names this run among those that perform an execution without the engine's claim; empty with its claim."""
    claim: Callable[[], Awaitable[bool]] = always
    """Claims the execution in the engine after all, for when the history can't decide. Whether it is ours then."""
    pulse: Callable[[Execution, Lock | None, timedelta], AbstractAsyncContextManager[None]]
    """Writes that the run is alive, and extends its lock by the given time, until it is left. Interrupts and
    raises `LostError` when the execution has been ended by somebody else."""
    work_begins: Callable[[], None] = _note_nothing
    """Called when the history has the beginning, just before the executor is called."""
    work_over: Callable[[], None] = _note_nothing
    """Called when the executor has returned or been interrupted for good: what follows only writes the end."""
    gives_way: Callable[[], Awaitable[bool]] = _never
    """Whether a run of the task waits that was requested or due earlier. May raise `Unavailable`."""
    is_behind: Callable[[], Awaitable[bool]] = _never
    """Whether such a run has begun and not ended. May raise `Unavailable`."""
