"""Removes secrets from what a plug-in writes to Python's own `logging`, through any logger and handler.

Only records of the plug-in's own code, and of tasks and threads that inherit its context, are changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from traceback import format_exception
from typing import Any

from falcon_scheduler.core.domain.redaction import Redactor

_present: ContextVar[Redactor | None] = ContextVar("redactor", default=None)


@contextmanager
def cleaned_logs(redactor: Redactor) -> Iterator[None]:
    """Inside of the context, clean the message and the exception of every log record."""
    _install()
    token = _present.set(redactor)
    try:
        yield
    finally:
        _present.reset(token)


@cache
def _install() -> None:
    """Hook the creation of records, once in a process: filters are per logger, and handlers may be replaced."""
    make = logging.getLogRecordFactory()

    def make_clean(*args: Any, **named: Any) -> logging.LogRecord:
        record = make(*args, **named)
        redactor = _present.get()
        if redactor is not None:
            _clean(record, redactor)
        return record

    logging.setLogRecordFactory(make_clean)


def _clean(record: logging.LogRecord, redactor: Redactor) -> None:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):
        text = f"{record.msg} {record.args}"  # unformatted: a wrong log line must not fail the task
    record.msg, record.args = redactor.text(text), None
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = redactor.text("".join(format_exception(record.exc_info[1])).rstrip("\n"))
