"""Remembers which flow runs Prefect can't send, so that the others are requested without them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
MOST_LEFT_OUT = 1000
"""So many are left out of one request at most."""


@dataclass(slots=True)
class _Entry:
    until_seconds: float
    pause_seconds: float
    times: int


class Quarantine:
    """Ids of unreadable flow runs. Each is read again after a pause, which doubles each time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def __contains__(self, flow_run_id: str) -> bool:
        return flow_run_id in self._entries

    def add(self, flow_run_id: str) -> None:
        """It could not be read just now. Logged once."""
        known = self._entries.get(flow_run_id)
        if known is None:
            logger.error("Prefect can't send flow run %s; everything else goes on without it", flow_run_id)
            pause_seconds = FIRST_PAUSE.total_seconds()
        else:
            pause_seconds = min(known.pause_seconds * 2, LONGEST_PAUSE.total_seconds())
        self._entries[flow_run_id] = _Entry(self._clock() + pause_seconds, pause_seconds, self.times(flow_run_id) + 1)

    def times(self, flow_run_id: str) -> int:
        """How often it could not be read."""
        known = self._entries.get(flow_run_id)
        return known.times if known is not None else 0

    def release(self, flow_run_id: str) -> None:
        """It was read, or is gone."""
        if self._entries.pop(flow_run_id, None) is not None:
            logger.info("Flow run %s is no longer unreadable", flow_run_id)

    def all(self) -> Collection[str]:
        """Every id, whether or not it is left out at present."""
        return list(self._entries)

    def overdue(self) -> list[str]:
        """Ids that are due to be read again."""
        now = self._clock()
        return [each for each, entry in self._entries.items() if entry.until_seconds <= now]

    def left_out(self) -> list[str]:
        """Ids to leave out of requests now."""
        now = self._clock()
        return [each for each, entry in self._entries.items() if entry.until_seconds > now][:MOST_LEFT_OUT]
