"""How long to wait before another attempt. Source: design, "Running work"."""

from __future__ import annotations

import random
from datetime import timedelta

LONGEST_DELAY = timedelta(hours=1)
JITTER = 0.1


def delay_before_retry(failed_attempts: int, interval: timedelta) -> timedelta:
    """The wait after the given number of failed attempts (1 or more): interval, twice that, four times that, and
    so on, at most an hour, ten percent more or less so that many tasks do not come back in step."""
    delay = min(interval * (1 << min(failed_attempts - 1, 20)), LONGEST_DELAY)
    return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spread, not secrecy
