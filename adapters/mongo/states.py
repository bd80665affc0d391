"""Login states of the auth and Discord modules, which expire. Source: eve-modules, "State cleanup"."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.errors import translated

COLLECTIONS = ("auth_states", "discord_oauth_states")
BATCH = 500


async def delete_expired_states(
    database: Database, expired_before: datetime, created_before: datetime
) -> AsyncIterator[tuple[str, int]]:
    """Delete expired states in batches. Yields the collection and the number after each batch.

    A state is expired when its `expires_at` has passed. A state without a valid `expires_at` is expired when it was
    created before `created_before`. A collection that does not exist is skipped.
    """
    with translated():
        present = set(await database.list_collection_names())
    for name in COLLECTIONS:
        if name not in present:
            continue
        over: Sequence[Mapping[str, Any]] = (
            {"expires_at": {"$type": "date", "$lt": expired_before}},
            {"expires_at": {"$not": {"$type": "date"}}, "created_at": {"$lt": created_before}},
        )
        for query in over:
            while removed := await _delete_batch(database, name, query):
                yield name, removed
        yield name, 0


async def _delete_batch(database: Database, name: str, query: Mapping[str, Any]) -> int:
    with translated():
        found = await database[name].find(query, {"_id": 1}).limit(BATCH).to_list()
        if not found:
            return 0
        ids = [document["_id"] for document in found]
        return (await database[name].delete_many({"_id": {"$in": ids}})).deleted_count
