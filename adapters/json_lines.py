"""Logs as JSON, one object a line, the same in facade, worker and run."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON. Values of `extra={"fields": {...}}` become fields beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(self.ids(record))
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)

    def ids(self, record: logging.LogRecord) -> Mapping[str, str]:
        """The ids of the execution and task that the line belongs to."""
        return {}
