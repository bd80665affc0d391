"""Errors and outputs as texts that the history keeps."""

from __future__ import annotations

from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.domain.work import OUTPUT_LIMIT_BYTES
from falcon_scheduler.core.errors import SchedulerError


def describe_error(error: BaseException) -> str:
    """An exception as a sentence: the text of our own errors, the type and text of others."""
    text = str(error)
    if isinstance(error, SchedulerError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def limited(text: str) -> str:
    """At most `OUTPUT_LIMIT_BYTES` of UTF-8 that every store takes, cut between characters and marked as cut."""
    text = storable_text(text)
    encoded = text.encode()
    if len(encoded) <= OUTPUT_LIMIT_BYTES:
        return text
    note = f"\n[cut: {len(encoded)} bytes in all]"
    return encoded[: OUTPUT_LIMIT_BYTES - len(note)].decode(errors="ignore") + note


def first_line(text: str, length: int = 300) -> str:
    """The first line of a text, short enough for a list."""
    line = text.strip().split("\n", 1)[0]
    return line if len(line) <= length else line[: length - 1] + "…"
