"""Rest in proportion to cost: keeps repeated work within a share of the time, however long each piece takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

TENTH = 0.1
"""The default share of time that work may take."""
SLICE = timedelta(milliseconds=20)
"""The least that counts as a slice of work."""


def rest_after(cost: timedelta, share: float = TENTH) -> timedelta:
    """How long to rest after work that took `cost`, so that work takes no more than `share` of the time.

    Args:
        cost: how long the work took.
        share: above 0 and at most 1.
    """
    return cost * (1 / share - 1)


class Pace:
    """Measures work and computes the rest after it. Work in slices rests after each."""

    def __init__(
        self,
        share: float = TENTH,
        monotonic_seconds: Callable[[], float] = time.monotonic,
        *,
        unrested: timedelta = timedelta(),
    ) -> None:
        """Make one.

        Args:
            share: above 0 and at most 1.
            monotonic_seconds: a clock.
            unrested: how much work in slices needs no rest, because a pause follows that is long enough for it.
        """
        self.share = share
        self._free = unrested
        self._monotonic_seconds = monotonic_seconds
        self._began_at = monotonic_seconds()
        self._ended_at = self._began_at
        self._unrested = timedelta()

    def begin(self) -> None:
        """Work begins now; what was worked before is rested for."""
        self._began_at = self._monotonic_seconds()
        self._unrested = timedelta()

    def end(self) -> None:
        """Work ends now, without a rest. `owed` returns the length of the rest."""
        self._unrested = self._worked()
        self._ended_at = self._monotonic_seconds()

    @property
    def is_rested(self) -> bool:
        """Whether the rest for the work that has ended is over. True before the first work."""
        return timedelta(seconds=self._monotonic_seconds() - self._ended_at) >= self.owed

    @property
    def owed(self) -> timedelta:
        """The rest for the work that has ended."""
        return rest_after(self._unrested, self.share)

    async def rest_after_slice(self) -> None:
        """Rest, if a slice of work has been done since the last rest."""
        worked = self._worked()
        if worked < SLICE:
            return
        self._free -= worked
        if self._free < timedelta():
            await asyncio.sleep(rest_after(worked, self.share).total_seconds())
        self.begin()

    def _worked(self) -> timedelta:
        return timedelta(seconds=self._monotonic_seconds() - self._began_at)
