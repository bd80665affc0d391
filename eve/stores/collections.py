"""The EVE collections' names, and how they are opened and indexed.

Source of the indexes: eve-modules section 11, those marked ours. `user_profiles.user_id` is never made unique: one
user has several characters.
"""

from __future__ import annotations

from bson.codec_options import CodecOptions
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import OperationFailure

from falcon_scheduler.adapters.mongo.client import Database, Document
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.core.domain.work import WorkLog

USER_PROFILES = "user_profiles"
CHARACTERS = "characters"
CHARACTER_CHECKS = "character_checks"
ALLIANCES = "alliances"
CORPORATIONS = "corporations"
AUTH_STATES = "auth_states"

INDEXES = {
    USER_PROFILES: [
        IndexModel([("character_id", ASCENDING)], unique=True),
        IndexModel([("valid", ASCENDING), ("token_expiry", ASCENDING), ("character_id", ASCENDING)]),
    ],
    CHARACTERS: [
        IndexModel([("character_id", ASCENDING)], unique=True),
        IndexModel([("updated_at", ASCENDING)]),
    ],
    ALLIANCES: [IndexModel([("alliance_id", ASCENDING)], unique=True)],
    CORPORATIONS: [IndexModel([("corporation_id", ASCENDING)], unique=True)],
    AUTH_STATES: [IndexModel([("expires_at", ASCENDING)], expireAfterSeconds=0)],
}


def aware(database: Database, name: str) -> AsyncCollection[Document]:
    """A collection whose datetimes are aware, however the database was opened."""
    return database.get_collection(name, codec_options=CodecOptions(tz_aware=True))


async def ensure_eve_indexes(database: Database, *names: str, log: WorkLog) -> None:
    """Create what is missing in these collections, or in all; safe to repeat and to race.

    An index that cannot be made (another of the same fields exists; documents break it) is a warning, not an error:
    the database may be one that others work on.

    Raises:
        Unavailable: MongoDB is away.
    """
    for name in names or tuple(INDEXES):
        for index in INDEXES.get(name, []):
            with translated():
                try:
                    await database[name].create_indexes([index])
                except OperationFailure as error:
                    log.warning("An index on %s was not made: MongoDB's code %s", name, error.code)
