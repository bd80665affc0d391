"""Long work of requests, in the thread of `core.aside`.

Each caller has one job in the thread at a time. So a caller with one large body waits for few others, even if another
caller sends many.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import ParamSpec, TypeVar

from falcon_scheduler.api_facade.rates import TooManyRequests
from falcon_scheduler.core.aside import in_thread

MOST_JOBS = 16
"""Jobs of one caller, waiting and running; one more is refused."""
RETRY_AFTER = timedelta(seconds=1)
SWITCH_INTERVAL_SECONDS = 0.0005
"""How long the thread may keep the interpreter from the loop; Python's own default is ten times that."""

P = ParamSpec("P")
T = TypeVar("T")


class HeavyWork:
    """Does one job after another."""

    def __init__(self) -> None:
        self._jobs: Counter[str] = Counter()
        self._turns: dict[str, asyncio.Lock] = {}

    async def do(self, caller: str, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """See `in_thread`.

        Raises:
            TooManyRequests: too much of the caller's waits already.
            Exception: what the work raises.
        """
        if self._jobs[caller] >= MOST_JOBS:
            raise TooManyRequests(RETRY_AFTER)
        self._jobs[caller] += 1
        try:
            async with self._turns.setdefault(caller, asyncio.Lock()):
                return await in_thread(work, *args, **named)
        finally:
            self._jobs[caller] -= 1
            if not self._jobs[caller]:
                del self._jobs[caller], self._turns[caller]


def share_interpreter_fairly() -> None:
    """Make the thread release the interpreter soon. Affects the whole process, so only programs call it."""
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
