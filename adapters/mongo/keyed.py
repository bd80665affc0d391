"""Keyed requests in MongoDB. A TTL index removes each request a day after it was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from falcon_scheduler.adapters.mongo.client import KEYED, Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.fields import instant_of
from falcon_scheduler.core.ports.keyed import KeyedRequest


class MongoKeyedRequestStore:
    """See `core.ports.keyed.KeyedRequestStore`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[KEYED]

    async def find(self, request_id: str, oldest: datetime) -> KeyedRequest | None:
        with translated():
            found = await self._collection.find_one({"_id": request_id, "asked_at": {"$gte": oldest}})
        return _request(found) if found is not None else None

    async def claim(self, request: KeyedRequest, oldest: datetime) -> KeyedRequest:
        while True:
            try:
                with translated():
                    await self._collection.insert_one({"_id": request.id, **_document(request)})
                return request
            except DuplicateKeyError:
                found = await self.find(request.id, oldest)
            if found is not None:
                return found
            with translated():  # expired, but MongoDB's TTL monitor runs once a minute and has not removed it yet
                await self._collection.delete_one({"_id": request.id, "asked_at": {"$lt": oldest}})

    async def answer(self, request: KeyedRequest) -> None:
        fields = {"execution_id": request.execution_id, "started_at": request.started_at}
        with translated():
            await self._collection.update_one({"_id": request.id, "run_key": request.run_key}, {"$set": fields})


def _document(request: KeyedRequest) -> dict[str, Any]:
    return {"digest": request.digest, "run_key": request.run_key, "asked_at": request.asked_at}


def _request(document: Mapping[str, Any]) -> KeyedRequest:
    asked_at = instant_of(document["asked_at"])
    assert asked_at is not None  # noqa: S101 - stored with it
    return KeyedRequest(
        id=document["_id"],
        digest=document["digest"],
        run_key=document["run_key"],
        asked_at=asked_at,
        execution_id=document.get("execution_id") or "",
        started_at=instant_of(document.get("started_at")),
    )
