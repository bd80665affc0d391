"""What a worker does for one of its runs at a certain age, unless the run ends before."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Work = Callable[[], Awaitable[float | None]]
"""Returns after how many seconds to do it again, or None when it is done."""


class RunDuties:
    """The duties of one run, the next one first."""

    def __init__(self) -> None:
        self._due: list[_Duty] = []

    @property
    def next_at(self) -> float | None:
        """When the next one is due, on the loop's clock."""
        return self._due[0].at if self._due else None

    def add(self, name: str, in_seconds: float, work: Work) -> None:
        """Do this later. One of the same name is replaced."""
        self.drop(name)
        heapq.heappush(self._due, _Duty(asyncio.get_running_loop().time() + in_seconds, name, work))

    def drop(self, name: str) -> bool:
        """Do not do it. Returns whether it was to be done."""
        kept = [duty for duty in self._due if duty.name != name]
        was_due = len(kept) < len(self._due)
        heapq.heapify(kept)
        self._due = kept
        return was_due

    async def work(self) -> None:
        """Do the next one."""
        duty = heapq.heappop(self._due)
        if (again_seconds := await duty.work()) is not None:
            self.add(duty.name, again_seconds, duty.work)


@dataclass(order=True, slots=True)
class _Duty:
    at: float
    name: str
    work: Work = field(compare=False)
