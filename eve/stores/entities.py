"""`alliances` and `corporations`: a document per id, written field by field where it differs from ESI.

`created_at` is set once. A document that is gone is marked `deleted_at`; when it comes back the mark is removed,
since the id is unique.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from falcon_scheduler.adapters.mongo.client import Database, Document
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.eve.domain.entity import EntityChange, StoredEntity, WriteCounts
from falcon_scheduler.eve.services.alliances import ALLIANCE_FIELDS
from falcon_scheduler.eve.services.corporations import CORPORATION_FIELDS
from falcon_scheduler.eve.stores.collections import ALLIANCES, CORPORATIONS, aware
from falcon_scheduler.eve.stores.windows import windows

_LIVE = {"deleted_at": None}
"""Matches a missing field too."""
_IDS_AT_ONCE = 1000
_DUPLICATE_KEY = 11000


class MongoEntities:
    """An `EntityStore` over MongoDB."""

    def __init__(self, database: Database, collection: str, id_field: str, owned: frozenset[str]) -> None:
        self._entities = aware(database, collection)
        self._id_field = id_field
        self._owned = owned
        self._projection = dict.fromkeys((id_field, "deleted_at", *sorted(owned)), 1)

    @classmethod
    def alliances(cls, database: Database) -> MongoEntities:
        """The alliances."""
        return cls(database, ALLIANCES, "alliance_id", ALLIANCE_FIELDS)

    @classmethod
    def corporations(cls, database: Database) -> MongoEntities:
        """The corporations."""
        return cls(database, CORPORATIONS, "corporation_id", CORPORATION_FIELDS)

    async def known(self, ids: Sequence[int]) -> Mapping[int, StoredEntity]:
        # A range, without the ids that were not requested: ids are sorted, so few others are between them.
        query = {self._id_field: {"$gte": min(ids), "$lte": max(ids)}}
        with translated():
            documents = await self._entities.find(query, self._projection).to_list()
        wanted = frozenset(ids)
        stored = (self._stored(document) for document in documents)
        return {one.id: one for one in stored if one.id in wanted}

    async def live(self, page_size: int) -> AsyncIterator[Sequence[StoredEntity]]:
        pages = windows(self._entities, self._id_field, _LIVE, self._projection, page_size)
        async for page in pages:
            if page.documents:
                yield [self._stored(document) for document in page.documents]

    async def live_ids(self) -> AsyncIterator[int]:
        pages = windows(self._entities, self._id_field, _LIVE, {self._id_field: 1}, _IDS_AT_ONCE)
        async for page in pages:
            for document in page.documents:
                yield document[self._id_field]

    async def save(self, changes: Sequence[EntityChange], now: datetime) -> WriteCounts:
        writes = [self._write(change, now) for change in changes]
        with translated():
            try:
                result = await self._entities.bulk_write(writes, ordered=False)
                counts: Mapping[str, Any] = result.bulk_api_result
            except BulkWriteError as error:
                # Another importer made the same document a moment ago. All else is a fault of the server's.
                if any(fault["code"] != _DUPLICATE_KEY for fault in error.details["writeErrors"]):
                    raise
                counts = error.details
        created, matched = counts["nUpserted"], counts["nMatched"]
        return WriteCounts(created, matched, len(changes) - created - matched)

    async def mark_deleted(self, ids: Sequence[int], now: datetime) -> int:
        marked = 0
        change = {"$set": {"deleted_at": now, "updated_at": now}}
        with translated():
            for start in range(0, len(ids), _IDS_AT_ONCE):
                some = {self._id_field: {"$in": list(ids[start : start + _IDS_AT_ONCE])}, **_LIVE}
                marked += (await self._entities.update_many(some, change)).modified_count
        return marked

    def _stored(self, document: Document) -> StoredEntity:
        fields = {name: document[name] for name in self._owned if name in document}
        return StoredEntity(document[self._id_field], fields, document.get("deleted_at") is not None)

    def _write(self, change: EntityChange, now: datetime) -> UpdateOne:
        remove = sorted(change.remove) + (["deleted_at"] if change.restore else [])
        update: dict[str, Any] = {"$set": {**change.put, "updated_at": now}}
        if remove:
            update["$unset"] = dict.fromkeys(remove, "")
        if change.create:
            update["$setOnInsert"] = {"created_at": now}
        # One that is only to be updated must still be there and live: it is not for us to bring it back.
        guard = {} if change.create else _LIVE
        return UpdateOne({self._id_field: change.id, **guard}, update, upsert=change.create)
