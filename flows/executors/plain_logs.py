"""Takes secrets out of what a plug-in writes to Python's own `logging`, whatever logger and handler it uses.

Only records made by the plug-in's own code, and by tasks and threads that inherit its context, are looked at.
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
    """Meanwhile every log record of this context has its message and its exception cleaned."""
    _install()
    token = _present.set(redactor)
    try:
        yield
    finally:
        _present.reset(token)


@cache
def _install() -> None:
    """Once in a process: filters stand on single loggers, and handlers come and go; all records are made here."""
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
        text = f"{record.msg} {record.args}"  # as written: a log line is no reason to fail
    record.msg, record.args = redactor.text(text), None
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = redactor.text("".join(format_exception(record.exc_info[1])).rstrip("\n"))
