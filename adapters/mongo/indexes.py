"""The indexes of the collections, and how a start makes those that are missing."""

from __future__ import annotations

import logging

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.errors import DuplicateKeyError, OperationFailure

from falcon_scheduler.adapters.mongo.client import (
    ALERTS,
    AUDIT,
    EXECUTIONS,
    KEYED,
    OCCURRENCES,
    OUTAGES,
    TASKS,
    Database,
    is_embedded,
)
from falcon_scheduler.adapters.mongo.errors import translated

logger = logging.getLogger(__name__)

INDEXES = {
    TASKS: [
        IndexModel([("name", ASCENDING)], unique=True),
        IndexModel([("updated_at", DESCENDING), ("_id", ASCENDING)]),
        IndexModel([("status", ASCENDING), ("updated_at", DESCENDING)]),
        IndexModel([("metadata.tags", ASCENDING)]),
        IndexModel([("scheduler.deployed.id", ASCENDING)]),
        IndexModel([("scheduler.is_active", ASCENDING)]),
        IndexModel([("next_run", ASCENDING)]),
        IndexModel([("scheduler.unplanned_since", ASCENDING)]),
        IndexModel([("scheduler.owes", ASCENDING)], sparse=True),
        IndexModel([("metadata.after", ASCENDING)], sparse=True),
        IndexModel([("scheduler.calendars.name", ASCENDING)], sparse=True),
    ],
    EXECUTIONS: [
        IndexModel([("task_id", ASCENDING), ("started_at", DESCENDING)]),
        IndexModel([("status", ASCENDING), ("started_at", DESCENDING)]),
        IndexModel([("outcome", ASCENDING), ("started_at", DESCENDING)]),
        IndexModel([("started_at", DESCENDING)]),
        IndexModel([("uncounted", ASCENDING)], sparse=True),
        IndexModel([("completed_at", ASCENDING)], sparse=True),
        IndexModel([("occurrence", ASCENDING)], unique=True, sparse=True),
    ],
    ALERTS: [
        IndexModel([("open_key", ASCENDING)], unique=True, sparse=True),
        IndexModel([("waiting", ASCENDING)], sparse=True),
        IndexModel([("next_delivery_at", ASCENDING)], sparse=True),
        IndexModel([("opened_at", DESCENDING)]),
        IndexModel([("task_id", ASCENDING), ("opened_at", DESCENDING)]),
        IndexModel([("recovered_at", ASCENDING)], sparse=True),
    ],
    AUDIT: [
        IndexModel([("at", DESCENDING)]),
        IndexModel([("task_id", ASCENDING), ("at", DESCENDING)]),
        IndexModel([("user_id", ASCENDING), ("at", DESCENDING)]),
    ],
    KEYED: [IndexModel([("asked_at", ASCENDING)], expireAfterSeconds=24 * 3600)],
    OCCURRENCES: [
        IndexModel([("task_id", ASCENDING), ("until", ASCENDING)]),
        IndexModel([("until", ASCENDING)]),
    ],
    OUTAGES: [IndexModel([("until", ASCENDING)])],
}
"""Source: eve-modules, "Indexes GF creates" and what is marked ours there; the last index of each serves our own
bookkeeping."""

NOT_EMBEDDED = {
    EXECUTIONS: [
        # Lists are read in the order of these, and leave out skipped executions without reading them.
        IndexModel([("task_id", ASCENDING), ("started_at", DESCENDING), ("_id", ASCENDING), ("status", ASCENDING)]),
        IndexModel([("status", ASCENDING), ("started_at", DESCENDING), ("_id", ASCENDING)]),
        IndexModel([("started_at", DESCENDING), ("_id", ASCENDING), ("status", ASCENDING)]),
        IndexModel([("task_id", ASCENDING), ("metadata.scheduled_for", ASCENDING)]),
        IndexModel([("metadata.scheduled_for", ASCENDING)]),
        IndexModel([("holder_sought", ASCENDING)], sparse=True),
    ]
}
"""Indexes that the embedded server goes without. It needs milliseconds for each document that is there already, and
answers nothing until then, so that a long history would keep a new version from starting. `adapters.mongo.ledger` and
`without_holder` give it bounds of the indexes that it has."""

REPLACED = {EXECUTIONS: frozenset({"task_id_1_started_at_-1", "status_1_started_at_-1", "started_at_-1"})}
"""Names of the indexes of `INDEXES` for which MongoDB itself has longer ones of `NOT_EMBEDDED`."""
_NO_SUCH_INDEX = 27
"""Source: MongoDB error codes, IndexNotFound."""


async def ensure_indexes(database: Database) -> None:
    """Create what is missing; safe to repeat and to race.

    A unique index that existing documents violate is left out, with a warning: the service works without it, and a
    later start makes it once the documents are repaired. Raises `Unavailable`.
    """
    embedded = await is_embedded(database)
    for collection, always in INDEXES.items():
        replaced = frozenset() if embedded else REPLACED.get(collection, frozenset())
        indexes = [index for index in always if index.document["name"] not in replaced]
        indexes += [] if embedded else NOT_EMBEDDED.get(collection, [])
        try:
            with translated():
                await database[collection].create_indexes(indexes)
        except DuplicateKeyError:
            for index in indexes:
                await _ensure_index(database, collection, index)
        for name in replaced:
            await _drop_index(database, collection, name)


async def _drop_index(database: Database, collection: str, name: str) -> None:
    """Drop an index that an earlier version made, if it is there."""
    with translated():
        try:
            await database[collection].drop_index(name)
        except OperationFailure as error:
            if error.code != _NO_SUCH_INDEX:
                raise


async def _ensure_index(database: Database, collection: str, index: IndexModel) -> None:
    try:
        with translated():
            await database[collection].create_indexes([index])
    except DuplicateKeyError:
        fields = ", ".join(index.document["key"])
        logger.warning(
            "Documents of %s share a value of %s that must be unique; `falcon-scheduler migrate go-falcon check` "
            "names and repairs them",
            collection,
            fields,
        )
