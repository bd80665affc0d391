"""Translates pymongo's errors at the edge of the room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import errors

from falcon_scheduler.core.errors import Invalid, Unavailable

AWAY = (
    errors.ConnectionFailure,  # AutoReconnect, NetworkTimeout, ServerSelectionTimeoutError, NotPrimaryError
    errors.ExecutionTimeout,
    errors.WTimeoutError,
    errors.InvalidOperation,  # the client was closed, as it is while the process stops
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise ours instead of pymongo's. A duplicate key passes through: only the caller can interpret it.

    Raises:
        Unavailable: MongoDB is away, refuses us, or its disk is full.
        Invalid: the document is larger than MongoDB takes.
    """
    try:
        yield
    except errors.DuplicateKeyError:
        raise
    except AWAY as error:
        raise Unavailable("MongoDB") from error
    except errors.DocumentTooLarge as error:
        raise Invalid.of("body", "the task or its outcome is larger than MongoDB stores") from error
    except errors.PyMongoError as error:
        raise Unavailable("MongoDB") from error
