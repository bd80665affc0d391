"""Keeps a duty of the background within a share of time: it works in slices and rests after each."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

SLICE = timedelta(milliseconds=20)
"""The least that counts as a slice of work."""


class Pace:
    """Rests so long after each slice that work takes no more than `share` of the time."""

    def __init__(self, share: float) -> None:
        """`share` is above 0 and at most 1."""
        self._rests_for = 1 / share - 1
        self._began_at = time.monotonic()

    def begin(self) -> None:
        """Work begins now."""
        self._began_at = time.monotonic()

    async def rest_after_slice(self) -> None:
        """Rest, if a slice of work has been done since the last rest."""
        if time.monotonic() - self._began_at >= SLICE.total_seconds():
            await self.rest()

    async def rest(self) -> None:
        """Rest for what has been worked since the last rest."""
        await asyncio.sleep((time.monotonic() - self._began_at) * self._rests_for)
        self.begin()
