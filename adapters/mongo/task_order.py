"""Pages of tasks in an order that the reader chose. The order by change is read in `adapters.mongo.newest`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.collection import AsyncCollection

from falcon_scheduler.core.ports import PageRequest
from falcon_scheduler.core.ports.paging import TaskOrder

Document = dict[str, Any]

FIELDS: Mapping[TaskOrder, tuple[str, int]] = {
    TaskOrder.NAME: ("name", ASCENDING),
    TaskOrder.NEXT_RUN: ("next_run", ASCENDING),
    TaskOrder.LAST_RUN: ("last_run", DESCENDING),
}
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


async def ordered_page(
    collection: AsyncCollection[Document], query: Document, page: PageRequest, order: TaskOrder
) -> list[Document]:
    """One page. Tasks that have nothing to be ordered by come last: servers sort them first when it goes upwards."""
    field, direction = FIELDS[order]
    if order is not TaskOrder.NEXT_RUN:
        return await _read(collection, query, [(field, direction)], page.offset, page.size)
    known = {field: {"$gt": EARLIEST}, **query}
    found = await _read(collection, known, [(field, direction)], page.offset, page.size)
    if len(found) == page.size:
        return found
    before = await collection.count_documents(known)
    rest = {field: None, **query}
    return found + await _read(
        collection, rest, [("name", ASCENDING)], max(page.offset - before, 0), page.size - len(found)
    )


async def _read(
    collection: AsyncCollection[Document], query: Document, order: list[tuple[str, int]], offset: int, limit: int
) -> list[Document]:
    return await collection.find(query).sort([*order, ("_id", ASCENDING)]).skip(offset).limit(limit).to_list()
