"""How many requests a caller may make: a bucket for each, which fills steadily and holds two seconds' worth.

Counted in this process alone: with several facades a caller gets as many times the rate.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import timedelta

from falcon_scheduler.core.errors import SchedulerError

BURST_SECONDS = 2.0
MOST_CALLERS = 10_000


class TooManyRequests(SchedulerError):
    """The caller sends more requests than it may."""

    code = "rate_limited"

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("Too many requests; try again later")
        self.retry_after = retry_after


class RateLimit:
    """Permits each caller `per_second` requests on average. None means no limit."""

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """By caller: the tokens it had left, and the instant."""

    def take(self, caller: str) -> None:
        """Count a request of the caller's. Raises `TooManyRequests`."""
        if self._per_second is None:
            return
        now, full = time.monotonic(), max(self._per_second * BURST_SECONDS, 1.0)
        left, then = self._buckets.pop(caller, (full, now))
        left = min(left + (now - then) * self._per_second, full)
        self._buckets[caller] = (max(left - 1, 0) if left >= 1 else left, now)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)  # the caller without requests for longest; its bucket was full again
        if left < 1:
            raise TooManyRequests(timedelta(seconds=(1 - left) / self._per_second))
