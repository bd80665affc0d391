"""Translates redis-py's errors at the edge of the room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from falcon_scheduler.core.errors import Unavailable


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` for whatever Redis or the way to it does wrong."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable("Redis") from error
