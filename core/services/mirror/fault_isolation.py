"""Lets one of many fail without the others. What can't be worked on is set aside until the next time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from falcon_scheduler.core.errors import EngineFault, Unavailable

logger = logging.getLogger(__name__)

MOST_FAULTS = 20
"""After so many faults of the engine in a row it is not one of many that is to blame, but the engine."""


class FaultIsolation:
    """Remembers what failed, so that it is logged once until it has succeeded."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self._faults = 0

    @contextmanager
    def one(self, what: str, item_id: str) -> Iterator[None]:
        """Around the work on one.

        Raises:
            Unavailable: a server is away, so that the others would fail as well.
        """
        try:
            yield
        except EngineFault:
            self._faults += 1
            if self._faults > MOST_FAULTS:
                raise
            self._note(what, item_id)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - no error of one item may stop the others
            self._note(what, item_id)
        else:
            self._faults = 0
            self.failed.discard(item_id)

    def _note(self, what: str, item_id: str) -> None:
        level = logging.DEBUG if item_id in self.failed else logging.ERROR
        self.failed.add(item_id)
        logger.log(level, "Could not %s %s; going on with the others", what, item_id, exc_info=True)
