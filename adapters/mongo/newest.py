"""Reads long lists page by page, newest first, without a full scan of the list.

MongoDB itself reads an index in the order of the list and stops when the page is full, where there is such an index
(`ordered`). The embedded server (SecantusDB 0.7) reads and decodes every
match before it sorts and cuts, so the query is bounded to the newest stretch of time. Its counts scan everything too;
`total` caches counts that took long. On MongoDB both cost a few more cheap queries.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.collection import AsyncCollection

from falcon_scheduler.adapters.mongo.client import is_embedded
from falcon_scheduler.core.answer_cache import AnswerCache, if_costly
from falcon_scheduler.core.ports import PageRequest, Position

Document = dict[str, Any]

LONG = 1_000
"""From so many matches on, a collection counts as long. Shorter ones are always counted and read whole."""
FEW = 100
"""So few matches are read whole even in a long collection: the search by stretches would reach the oldest anyway."""
FIRST_STRETCH = timedelta(minutes=1)
STRETCHES = [FIRST_STRETCH * 8**exponent for exponent in range(9)]
"""How far back each step of the search goes: up to 32 years."""
REMEMBERED = 500
TOTALS_KEPT = 200
UNDATED = datetime.fromtimestamp(0, UTC)
"""The instant in the position of an entry that has none: it is read with this one."""
ANY_INSTANT = {"$lte": datetime.max.replace(tzinfo=UTC)}
"""A bound of the index's first field. Without one MongoDB does not read the fields behind it from the index."""


class NewestFirst:
    """The lists of one collection, ordered by the instant `field`, newest first, then by `_id`."""

    def __init__(
        self, collection: AsyncCollection[Document], field: str, large: tuple[str, ...] = (), *, ordered: bool = False
    ) -> None:
        """Make one.

        Args:
            collection: has the entries.
            field: holds the instant.
            large: the fields that a page without details leaves out.
            ordered: whether MongoDB itself has indexes in the order of the lists; see `NOT_EMBEDDED` of `client`.
        """
        self._collection = collection
        self._ordered = ordered
        self._embedded: bool | None = None
        self._field = field
        self._without_large = dict.fromkeys(large, 0)
        self._is_long = False
        self._order = [(field, DESCENDING), ("_id", ASCENDING)]
        self._totals: AnswerCache[bytes, int] = AnswerCache(
            self._count, if_costly(lambda _: self._is_long), capacity=TOTALS_KEPT
        )
        self._reached: OrderedDict[tuple[bytes, int], datetime] = OrderedDict()

    async def total(self, query: Document) -> int:
        """The number of matches. Of a long list that is slow to count it may be `core.answer_cache.OLDEST` old."""
        return await self._totals.get(bson.encode(query))

    async def _count(self, encoded: bytes) -> int:
        total = await self._counted(bson.decode(encoded, CodecOptions(tz_aware=True)))
        self._is_long = self._is_long or total >= LONG
        return total

    async def _counted(self, query: Document) -> int:
        if not query and await self._is_embedded():
            # It scans all documents and decodes none, and is exact. MongoDB's comes from statistics that are wrong
            # after a crash. Source: MongoDB manual, `count`, "Accuracy after Unexpected Shutdown".
            return await self._collection.estimated_document_count()
        return await self._collection.count_documents(query)

    def forget_totals(self) -> None:
        """Drop all cached counts, because entries were added or removed."""
        self._totals.forget()

    async def page(self, query: Document, page: PageRequest, total: int) -> list[Document]:
        """One page. `total` selects the way to search; a page behind it is empty without a query."""
        expected = min(page.size, total - page.offset)
        if expected <= 0:
            return []
        if self._ordered and not await self._is_embedded():
            found = await self._read({self._field: ANY_INSTANT, **query}, page)
            # Entries without an instant, which another program wrote, come last.
            return found if len(found) >= expected else await self._read(query, page)
        return await self._by_stretches(query, page, expected, total)

    async def behind(self, position: Position, query: Document, page: PageRequest, total: int) -> list[Document]:
        """The entries behind a position: one more than a page has, if there are so many.

        Those of the same instant come first, then earlier ones, then those without an instant. Each of these is a
        range of an index, so the cost does not depend on how many entries precede it.
        """
        if not total:
            return []
        at, last_id = position
        found: list[Document] = []
        if at > UNDATED:
            within = query.get(self._field, {})
            until = min(within.get("$lt", at), at)
            if until == at:
                same: Document = {**query, self._field: {**within, "$eq": at}, "_id": {"$gt": last_id}}
                found = await self._read(same, _first(page, page.size + 1))
            if lacking := page.size + 1 - len(found):
                earlier: Document = {**query, self._field: {**within, "$lt": until}}
                found += await self._earlier(earlier, _first(page, lacking), total)
            last_id = ""
        if (lacking := page.size + 1 - len(found)) and self._field not in query:
            undated: Document = {**query, self._field: None, "_id": {"$gt": last_id}}
            found += await self._read(undated, _first(page, lacking))
        return found

    def position_of(self, document: Document) -> Position:
        """Where an entry is in its list."""
        at = document.get(self._field)
        return at if isinstance(at, datetime) else UNDATED, str(document["_id"])

    async def _earlier(self, query: Document, page: PageRequest, total: int) -> list[Document]:
        if self._ordered and not await self._is_embedded():
            return await self._read(query, page)
        return await self._by_stretches(query, page, page.size, total)

    async def _by_stretches(self, query: Document, page: PageRequest, expected: int, total: int) -> list[Document]:
        if self._is_long and total > FEW:
            async for since in self._instants(query, page):
                found = await self._read(self._since(query, since), page)
                if len(found) >= expected:
                    self._remember(query, page, found)
                    return found
        return await self._read(query, page)

    async def _is_embedded(self) -> bool:
        if self._embedded is None:
            self._embedded = await is_embedded(self._collection.database)
        return self._embedded

    async def _instants(self, query: Document, page: PageRequest) -> AsyncIterator[datetime]:
        """Lower bounds to try: where the page ended the last time, then further and further back."""
        if (reached := self._reached.get(self._key(query, page))) is not None:
            yield reached
        until = query.get(self._field, {}).get("$lt")
        newest = until if until is not None else datetime.now(UTC)
        for stretch in STRETCHES:
            if reached is None or newest - stretch < reached:
                yield newest - stretch

    def _since(self, query: Document, since: datetime) -> Document:
        """The query with a lower bound. The bound is first: the embedded server uses the first field's index."""
        bounds = query.get(self._field, {})
        bounds = {**bounds, "$gte": max(bounds.get("$gte", since), since)}
        return {self._field: bounds, **{name: value for name, value in query.items() if name != self._field}}

    async def _read(self, query: Document, page: PageRequest) -> list[Document]:
        fields = self._without_large if page.brief and self._without_large else None
        found = self._collection.find(query, fields)
        return await found.sort(self._order).skip(page.offset).limit(page.size).to_list()

    def _remember(self, query: Document, page: PageRequest, found: list[Document]) -> None:
        key, reached = self._key(query, page), found[-1].get(self._field)
        if not isinstance(reached, datetime):  # a document that another program wrote
            return
        self._reached[key] = reached
        self._reached.move_to_end(key)
        while len(self._reached) > REMEMBERED:
            self._reached.popitem(last=False)

    @staticmethod
    def _key(query: Document, page: PageRequest) -> tuple[bytes, int]:
        return bson.encode(query), page.offset + page.size


def _first(page: PageRequest, size: int) -> PageRequest:
    """The first entries, as many as that, with the parts that the page has."""
    return PageRequest(size=size, brief=page.brief)
