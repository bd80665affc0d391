"""The reported end of an attempt, without secrets, for any value or exception of a plug-in."""

from __future__ import annotations

import json
import traceback
from dataclasses import replace

from falcon_scheduler.core.domain.redaction import Redactor
from falcon_scheduler.core.domain.wording import describe_error
from falcon_scheduler.core.domain.work import TaskResult, WorkContext, WorkLog
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.flows.executors.faults import texts


def refused(faults: list[Fault]) -> TaskResult:
    """The config or the parameters are wrong, so another attempt would fail too."""
    return TaskResult(success=False, error=f"Not run: {texts(faults)}", retryable=False)


def without_secrets(result: TaskResult, redactor: Redactor) -> TaskResult:
    """The result with its texts and its detail cleaned."""
    return TaskResult(
        success=result.success,
        output=redactor.text(_text(result.output)),
        error=redactor.text(_text(result.error)),
        retryable=result.retryable,
        detail=redactor.value(dict(result.detail)),
        retry_after=result.retry_after,
    )


def _text(value: object) -> str:
    """A plug-in may have put a value of any type where text belongs."""
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


class CleanLog:
    """A log that removes secrets from each line."""

    def __init__(self, log: WorkLog, redactor: Redactor) -> None:
        self._log = log
        self._redactor = redactor

    def debug(self, message: str, *args: object) -> None:
        """Write a line for debugging."""
        self._log.debug("%s", self._clean(message, args))

    def info(self, message: str, *args: object) -> None:
        """Write a line about the progress."""
        self._log.info("%s", self._clean(message, args))

    def warning(self, message: str, *args: object) -> None:
        """Write a line that needs attention."""
        self._log.warning("%s", self._clean(message, args))

    def error(self, message: str, *args: object) -> None:
        """Write a line about an error."""
        self._log.error("%s", self._clean(message, args))

    def _clean(self, message: object, args: tuple[object, ...]) -> str:
        try:
            text = str(message) % args if args else str(message)
        except (TypeError, ValueError):
            text = f"{message} {args}"  # unformatted: a wrong log line must not fail the task
        return self._redactor.text(text)


def shielded(context: WorkContext, redactor: Redactor) -> WorkContext:
    """The context for a plug-in: its log lines and progress texts leave the run without secrets."""

    async def progress(done: int, total: int | None = None, text: str = "") -> None:
        await context.progress(done, total, redactor.text(text))

    return replace(context, log=CleanLog(context.log, redactor), progress=progress)


def raised(error: Exception, context: WorkContext, redactor: Redactor) -> TaskResult:
    """A plug-in raised: failed, with another attempt unless the exception has `retryable = False`; it is logged."""
    stack = "".join(traceback.format_exception(error))
    context.log.error("%s", redactor.text(stack))
    retryable = getattr(error, "retryable", True) is not False
    return TaskResult(success=False, error=redactor.text(describe_error(error)), retryable=retryable)
