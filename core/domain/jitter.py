"""Spreads the runs of many tasks that are due at the same instant."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

_MILLISECOND = timedelta(milliseconds=1)


def delay_of(jitter: timedelta, task_id: str, instant: datetime, following: datetime | None) -> timedelta:
    """How much later than its instant a run begins: by a part of the jitter, and before the `following` instant.

    The same task and instant have the same delay in every process and version.
    """
    longest = jitter if following is None else min(jitter, following - instant)
    digest = hashlib.sha256(f"{task_id} {instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}".encode()).digest()
    share = int.from_bytes(digest[:8], "big")
    return share * (longest // _MILLISECOND) // 2**64 * _MILLISECOND
