"""Which run of a worker's lane begins next: by priority, and few at the same time.

A hundred that begin at once wait for each other at MongoDB, so each of them takes seconds and is shown Running in
Prefect before its work has begun. A run whose work has begun makes room for the next, however long it lasts.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import datetime

from falcon_scheduler.flows.worker.unclaimed import UnclaimedRuns

AT_ONCE = 16

Turn = asyncio.Future[None]
"""Has a result once the run may begin; cancelled when it is given back before."""


class LaneTurns:
    """The runs of one worker's lane that are due and whose work has not begun."""

    def __init__(self, unclaimed: UnclaimedRuns) -> None:
        """While too many runs are `unclaimed`, none begins: claims would cost a busy server as much again."""
        self._unclaimed = unclaimed
        self._numbers = itertools.count()
        self._waiting: list[tuple[tuple[int, datetime], int, Turn]] = []
        self._taken: set[Turn] = set()

    def ask(self, rank: tuple[int, datetime]) -> Turn:
        """Ask for a turn; the lowest rank goes first."""
        turn: Turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), turn))
        self.let_in()
        return turn

    def give_back(self, turn: Turn) -> None:
        """The work has begun, or the run is not performed. May be repeated."""
        turn.cancel()
        self._taken.discard(turn)
        self.let_in()

    def let_in(self) -> None:
        """Give turns to those who wait, as far as there is room."""
        while self._waiting and len(self._taken) < AT_ONCE and self._unclaimed.room > len(self._taken):
            *_, turn = heapq.heappop(self._waiting)
            if not turn.cancelled():
                self._taken.add(turn)
                turn.set_result(None)
