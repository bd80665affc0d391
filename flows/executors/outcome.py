"""How an attempt's end is told: no secret in it, whatever a plug-in returned or raised."""

from __future__ import annotations

import json
import traceback

from core.domain.redaction import Redactor
from core.domain.work import TaskResult, WorkContext
from core.errors import Fault
from core.services.running import describe_error
from flows.executors.faults import texts


def refused(faults: list[Fault]) -> TaskResult:
    """The config or the parameters are wrong, and will be at the next attempt."""
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
    """A plug-in may have put any value where text belongs."""
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def raised(error: Exception, context: WorkContext, redactor: Redactor) -> TaskResult:
    """A plug-in raised: failed, to be tried again unless the exception has `retryable = False`; it is logged."""
    stack = "".join(traceback.format_exception(error))
    context.log.error("%s", redactor.text(stack))
    retryable = getattr(error, "retryable", True) is not False
    return TaskResult(success=False, error=redactor.text(describe_error(error)), retryable=retryable)
