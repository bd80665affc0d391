"""Reads why Prefect refused a request, as far as a client of ours may read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx

from falcon_scheduler.core.domain.storable import storable_text

LENGTH = 300
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>)]+", re.IGNORECASE)


def reason_of(response: httpx.Response) -> str:
    """Prefect's explanation in one line, shortened, without addresses. Empty when it gave none."""
    try:
        body = response.json()
    except ValueError:
        return ""
    said = "; ".join(dict.fromkeys(_explanations(body)))
    line = " ".join(storable_text(_ADDRESS.sub("[address]", said)).split())
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"


def _explanations(body: Any) -> Iterator[str]:
    """The texts of `detail`, `exception_detail` and of the faults in them."""
    if not isinstance(body, dict):
        return
    for name in ("detail", "exception_detail"):
        found = body.get(name)
        if isinstance(found, str):
            yield found
        elif isinstance(found, list):
            yield from (_fault(each) for each in found if isinstance(each, dict))


def _fault(fault: dict[str, Any]) -> str:
    location = ".".join(str(part) for part in fault.get("loc") or () if part != "body")
    return f"{location}: {fault.get('msg', '')}".strip(": ")
