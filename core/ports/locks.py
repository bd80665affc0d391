"""Who may work: locks of tasks and named offices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A task's lock, as held. `fencing_token` is higher than any given out for the task before."""

    task_id: str
    key: str
    holder: str
    fencing_token: int


class LockService(Protocol):
    """Keeps a task from running twice at once, on any number of machines. Source: design, "Running work"."""

    async def acquire(self, task_id: str, holder: str, ttl: timedelta) -> Lock | None:
        """The lock, or None when another holds it. The same holder may call again and keeps the lock."""
        ...

    async def extend(self, lock: Lock, ttl: timedelta) -> bool:
        """Hold it for `ttl` from now on. False when it is not ours any more."""
        ...

    async def extend_all(self, locks: Sequence[tuple[Lock, timedelta]]) -> Sequence[Lock]:
        """`extend` each by its time, in one request. Returns those that are not ours any more."""
        ...

    async def release(self, lock: Lock) -> None:
        """Give it back if it is still ours; never anybody else's."""
        ...

    async def holder(self, task_id: str) -> str | None:
        """Who holds the task's lock."""
        ...

    async def release_of(self, task_id: str, holder: str) -> bool:
        """Free the lock of a holder that is known to be dead."""
        ...


class Lease(Protocol):
    """A named office that one process of many holds at a time."""

    async def hold(self, name: str, holder: str, ttl: timedelta) -> bool:
        """Take or keep the office for `ttl`. False while another holds it."""
        ...

    async def give_up(self, name: str, holder: str) -> None:
        """Leave the office to others at once, if it is held."""
        ...
