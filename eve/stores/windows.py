"""Reads a collection by ascending id in windows, in constant memory and without a cursor that could die of age.

Each window has both ends, so that no server has to sort or count the rest of the collection; its width follows how
dense the ids are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection

from falcon_scheduler.adapters.mongo.client import Document
from falcon_scheduler.adapters.mongo.errors import translated

LAST_ID = 2**63 - 1
"""Ids are int64."""
_WIDER = 8
_RANGES_BEGIN = (1_000_000, 3_000_000, 90_000_000, 98_000_000, 99_000_000, 100_000_000, 2_100_000_000)
"""Where EVE's ids begin to be dense. No window crosses such a place, and those behind it begin narrow again: the
embedded servers read all of a window, even for few requested documents. Source: EVE's id ranges, esi-docs."""


class Window(NamedTuple):
    """All documents of a query with ids from `low` to `high`, by id."""

    low: int
    high: int
    documents: Sequence[Document]


async def windows(
    collection: AsyncCollection[Document],
    id_field: str,
    query: Mapping[str, Any],
    projection: Mapping[str, Any],
    page_size: int,
    bounds: tuple[int, int] = (1, LAST_ID),
) -> AsyncIterator[Window]:
    """Windows of at most `page_size` documents that follow on each other from one bound to the other.

    Raises:
        Unavailable: MongoDB is away.
    """
    low, last = bounds
    width = page_size
    while low <= last:
        end = min((begin - 1 for begin in _RANGES_BEGIN if begin > low), default=last)
        high = min(low + width - 1, end, last)
        within = {**query, id_field: {"$gte": low, "$lte": high}}
        with translated():
            found = collection.find(within, projection).sort(id_field, ASCENDING).limit(page_size)
            documents = await found.to_list()
        if len(documents) == page_size:
            high = int(documents[-1][id_field])
            width = high - low + 1
        elif high == end:
            width = page_size
        else:
            width = min(width * _WIDER, width * page_size // len(documents) + 1) if documents else width * _WIDER
        yield Window(low, high, documents)
        low = high + 1
