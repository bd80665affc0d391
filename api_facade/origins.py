"""The origin of the present change: the request that is being answered, and its door."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from falcon_scheduler.api_facade.tracing import request_id
from falcon_scheduler.core.domain.audit import Door, Origin

_door: ContextVar[Door] = ContextVar("door", default=Door.API)


def origin() -> Origin:
    """The origin, for the audit."""
    return Origin(request_id=request_id(), door=_door.get())


@contextmanager
def through(door: Door) -> Iterator[None]:
    """Record changes inside of the context, and in tasks started inside of it, as made through this door."""
    token = _door.set(door)
    try:
        yield
    finally:
        _door.reset(token)
