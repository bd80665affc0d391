"""Translates redis-py's errors at the edge of the room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from falcon_scheduler.core.errors import Unavailable


@contextmanager
def translated() -> Iterator[None]:
    """Raise `Unavailable` for every failure of Redis or of the connection to it."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable("Redis") from error
