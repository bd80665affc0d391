"""Has any call of any port fail, before it takes effect or after, or the process die there.

`Faults.through(port)` gives the port with its calls counted, over all ports of one `Faults` together. From the call
whose number is given on, the fault happens. So a test can run one operation once for every call that it makes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar, cast

from falcon_scheduler.core.errors import Unavailable

T = TypeVar("T")


class Fault(StrEnum):
    """What happens at a call."""

    AWAY = "away"
    """The server is away at this call, which has no effect, and is back for the next."""
    AWAY_FROM_HERE = "away from here"
    """The same at this call and at all that follow."""
    ANSWER_LOST = "answer lost"
    """The call takes effect, and its answer gets lost."""
    DIES_BEFORE = "dies before"
    """The process dies before the call, so nothing that follows takes effect either."""
    DIES_AFTER = "dies after"
    """The process dies after the call took effect."""
    NONSENSE = "nonsense"
    """The server answers something that its adapter does not expect."""


class ProcessDied(BaseException):
    """Represents the end of the process: no code handles it, and nothing takes effect after it."""


class NonsenseError(Exception):
    """What an adapter raises that does not know the answer."""


@dataclass(kw_only=True)
class Faults:
    """The fault of one trial, and how many calls there were. Without `at` nothing fails."""

    kind: Fault = Fault.AWAY
    at: int | None = None
    number: int = 0
    happened: list[str] = field(default_factory=list)
    """The calls at which the fault happened."""

    def through(self, port: T) -> T:
        """The port with its calls counted."""
        return cast(T, _Counted(port, self))

    def before(self, name: str) -> None:
        """Count a call. Raises what keeps it from taking effect."""
        self.number += 1
        if self.kind in {Fault.DIES_BEFORE, Fault.DIES_AFTER} and self._is_past():
            self._happens(name)
        if self.kind in {Fault.AWAY, Fault.NONSENSE, Fault.DIES_BEFORE} and self.number == self.at:
            self._happens(name)
        if self.kind is Fault.AWAY_FROM_HERE and (self._is_past() or self.number == self.at):
            self._happens(name)

    def after(self, name: str, number: int) -> None:
        """A call has taken effect. Raises what its caller gets in place of the answer."""
        if self.kind in {Fault.ANSWER_LOST, Fault.DIES_AFTER} and number == self.at:
            self._happens(name)

    def _is_past(self) -> bool:
        return self.at is not None and self.number > self.at

    def _happens(self, name: str) -> None:
        self.happened.append(name)
        if self.kind in {Fault.DIES_BEFORE, Fault.DIES_AFTER}:
            raise ProcessDied(name)
        raise NonsenseError(name) if self.kind is Fault.NONSENSE else Unavailable("the server")


class _Counted:
    """Passes everything on to the port; calls that reach a server are counted."""

    def __init__(self, port: object, faults: Faults) -> None:
        self._port = port
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if inspect.iscoroutinefunction(method):
            return self._call(f"{type(self._port).__name__}.{name}", method)
        if inspect.isasyncgenfunction(method):
            return self._pages(f"{type(self._port).__name__}.{name}", method)
        return method

    def _call(self, name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(method)
        async def call(*args: Any, **named: Any) -> Any:
            self._faults.before(name)
            number = self._faults.number
            answer = await method(*args, **named)
            self._faults.after(name, number)
            return answer

        return call

    def _pages(self, name: str, method: Callable[..., AsyncIterator[Any]]) -> Callable[..., AsyncIterator[Any]]:
        @functools.wraps(method)
        async def pages(*args: Any, **named: Any) -> AsyncIterator[Any]:
            self._faults.before(name)
            number = self._faults.number
            async for page in method(*args, **named):
                yield page
            self._faults.after(name, number)

        return pages
