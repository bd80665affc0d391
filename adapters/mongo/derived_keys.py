"""Keeps what is derived from a password for the next connection of this process, and of those forked from it.

MongoDB's handshake (SCRAM) hashes the password 15,000 times. PyMongo keeps the result in the client, so that a
process with a new client hashes again. Before it uses a result it compares salt and count with those of the server,
and derives again where they differ.
"""

from __future__ import annotations

from typing import Any

from pymongo import AsyncMongoClient

_derived: dict[str, Any] = {}
"""By the address with its user and password, which this process holds in its settings too."""


def recall(client: AsyncMongoClient[Any], uri: str) -> None:
    """Give a new client what an earlier one derived."""
    cache = _cache_of(client)
    if cache is not None and cache.data is None:
        cache.data = _derived.get(uri)


def remember(client: AsyncMongoClient[Any], uri: str) -> None:
    """Keep what this client has derived, if it has."""
    cache = _cache_of(client)
    if cache is not None and cache.data is not None:
        _derived[uri] = cache.data


def _cache_of(client: AsyncMongoClient[Any]) -> Any:
    """Where PyMongo keeps it; `None` for a client without a password, or of a PyMongo of another form."""
    credentials = getattr(client.options.pool_options, "_credentials", None)
    cache = getattr(credentials, "cache", None)
    return cache if hasattr(cache, "data") else None
