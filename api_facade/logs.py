"""Logs of the API process: one JSON object a line, with the request's id."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping

from falcon_scheduler.adapters.json_lines import JsonLines
from falcon_scheduler.api_facade.tracing import request_id


class FacadeLines(JsonLines):
    """Lines that carry the id of the request during which they were written."""

    def ids(self, record: logging.LogRecord) -> Mapping[str, str]:
        """See `JsonLines`."""
        own_id = request_id()
        return {"request_id": own_id} if own_id else {}


def configure_logs() -> None:
    """Send everything, uvicorn's own lines included, through `FacadeLines` to stderr. We log requests ourselves."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FacadeLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every call to Prefect
