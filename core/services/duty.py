"""A duty: work that one process of many repeats while it holds the leader's lease.

To add one, write a service with the work and add it to the list in the facade's composition root. The leader
(`api_facade.leader`) is independent of the single duties.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from falcon_scheduler.core.errors import SchedulerError, Unavailable
from falcon_scheduler.core.pace import Pace

logger = logging.getLogger(__name__)


class Duty(Protocol):
    """Work that is repeated. A duty that fails is logged, reported to the duty watch and repeated all the same."""

    @property
    def name(self) -> str:
        """What is done, as in "could not …". Alerts and logs name the duty by it."""
        ...

    @property
    def interval(self) -> timedelta:
        """The pause before the next time. Read after each time, so that a costly duty may rest for longer."""
        ...

    def work(self) -> Awaitable[object]:
        """Do it once. May wait for something to do. Is cancelled when the office is lost, at any await."""
        ...

    def forget(self) -> None:
        """The office is lost: drop what is only true while no other process does the work."""
        ...


def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Periodic:
    """A duty made of a service's method, with a pause that is always the same."""

    name: str
    work: Callable[[], Awaitable[object]]
    interval: timedelta
    forget: Callable[[], None] = _nothing


class Unhurried(Duty):
    """A duty that rests in proportion to what it cost: a check of thousands of tasks takes seconds."""

    def __init__(
        self, name: str, work: Callable[[], Awaitable[object]], interval: timedelta, pace: Pace | None = None
    ) -> None:
        """`interval` is the shortest pause; without a `pace` work takes at most a tenth of the time."""
        self._name = name
        self._work = work
        self._least = interval
        self._pace = pace or Pace()

    @property
    def name(self) -> str:
        """See `Duty`."""
        return self._name

    @property
    def interval(self) -> timedelta:
        """Long enough to keep the pace; work that failed is repeated sooner."""
        return max(self._least, self._pace.owed)

    async def work(self) -> None:
        """See `Duty`."""
        self._pace.begin()
        await self._work()
        self._pace.end()

    def forget(self) -> None:
        """See `Duty`; a service that remembers something is no such duty."""


async def attempt(name: str, work: Callable[[], Awaitable[object]], when_away: int = logging.WARNING) -> str | None:
    """Do a piece of work. What goes wrong is logged and never ends the work beside it; returns it as a sentence.

    Args:
        name: what is done, as in "could not …".
        work: does it.
        when_away: the level at which a server that is away is logged.
    """
    try:
        await work()
    except Unavailable as error:
        logger.log(when_away, "Could not %s: %s", name, error)
        return str(error)
    except SchedulerError as error:
        logger.warning("Could not %s: %s", name, error)
        return str(error)
    except Exception as error:
        logger.exception("Could not %s", name)
        return f"{type(error).__name__}; the log of the facade has the details"
    return None
