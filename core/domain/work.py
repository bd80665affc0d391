"""The input and output of an executor.

This is the plug-in surface: an executor is any object with `async def execute(context) -> TaskResult` (or a plain
`def`). A plug-in need not import this module; what it returns is read by `TaskResult.of`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

OUTPUT_LIMIT_BYTES = 64 * 1024
"""The most of an executor's output that is kept in history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How an attempt ended.

    `success` decides between completed and failed. `retryable` False prevents further attempts. `detail` is shown in
    the execution's metadata and must be plain JSON values without secrets. `retry_after` is the shortest wait before
    another attempt, as a called server requested it.
    """

    success: bool
    output: str = ""
    error: str = ""
    retryable: bool = True
    detail: Mapping[str, Any] = field(default_factory=dict)
    retry_after: timedelta | None = None

    @classmethod
    def of(cls, value: object) -> TaskResult:
        """Read the value that an executor or a function returned.

        A `TaskResult` is taken as it is; so is any object or mapping with `success` (and, where present, `output`,
        `error`, `retryable`, `detail`). Text is the output of a success, `None` an empty one, and any other value is
        written as JSON.
        """
        if isinstance(value, TaskResult):
            return value
        if isinstance(value, Mapping) and isinstance(value.get("success"), bool):
            return cls(**{name: value[name] for name in cls.__slots__ if name in value})
        if isinstance(getattr(value, "success", None), bool):
            return cls(**{name: getattr(value, name) for name in cls.__slots__ if hasattr(value, name)})
        if value is None or isinstance(value, str):
            return cls(success=True, output=value or "")
        return cls(success=True, output=json.dumps(value, default=str, ensure_ascii=False))


_KNOWN = "known_so_far"


def leave_known(interruption: BaseException, result: TaskResult) -> None:
    """Attach what an executor knew when it was interrupted; the attempt's timeout reports it."""
    setattr(interruption, _KNOWN, result)


def known_so_far(interruption: BaseException | None) -> TaskResult | None:
    """What an executor attached to the interruption."""
    known = getattr(interruption, _KNOWN, None)
    return known if isinstance(known, TaskResult) else None


class Progress(Protocol):
    """How an executor reports its progress. `total` is None when it isn't known."""

    async def __call__(self, done: int, total: int | None = None, text: str = "") -> None: ...


class WorkLog(Protocol):
    """The log of the execution, shown in the Prefect UI. A `logging.Logger` fits."""

    def debug(self, message: str, /, *args: object) -> None: ...
    def info(self, message: str, /, *args: object) -> None: ...
    def warning(self, message: str, /, *args: object) -> None: ...
    def error(self, message: str, /, *args: object) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkContext:
    """The attempt that an executor makes.

    A coroutine is cancelled (`asyncio.CancelledError`) when the execution is cancelled or the attempt's time is up;
    code in a thread checks `cancelled()` from time to time. `parameters` are the run's own, merged over those of the
    task's config by the executor. `fencing_token` grows with every execution of the task: send it with each write, so
    that the receiver can refuse a late writer.
    """

    task_id: str
    task_name: str
    execution_id: str
    attempt: int
    """1 for the first attempt."""
    config: Mapping[str, Any]
    parameters: Mapping[str, Any]
    deadline_at: datetime
    """When this attempt's time is up, aware."""
    scheduled_for: datetime | None
    fencing_token: int
    cancelled: Callable[[], bool]
    log: WorkLog
    progress: Progress


class Executor(Protocol):
    """Does a task's work. Returns a result for an expected failure; raises only for the unexpected."""

    def execute(self, context: WorkContext) -> Awaitable[object] | object: ...
