"""Which run of a worker's lane begins next: by priority, and few at the same time.

A hundred that begin at once wait for each other at MongoDB, so each of them takes seconds and is shown Running in
Prefect before its work has begun. A run whose work has begun makes room for the next, however long it lasts.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import datetime

AT_ONCE = 16

Turn = asyncio.Future[None]
"""Has a result once the run may begin; cancelled when it is given back before."""


class LaneTurns:
    """The runs of one worker's lane that are due and whose work has not begun."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._waiting: list[tuple[tuple[int, datetime], int, Turn]] = []
        self._taken: set[Turn] = set()

    def ask(self, rank: tuple[int, datetime]) -> Turn:
        """Ask for a turn; the lowest rank goes first."""
        turn: Turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), turn))
        self._let_in()
        return turn

    def give_back(self, turn: Turn) -> None:
        """The work has begun, or the run is not performed. May be repeated."""
        turn.cancel()
        self._taken.discard(turn)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and len(self._taken) < AT_ONCE:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.cancelled():
                self._taken.add(turn)
                turn.set_result(None)
