"""Fills MongoDB with what the demo universe's database would hold: a little behind, so that the tasks find work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.eve.demo.sso import owner_hash, refresh_token, revoked_token
from falcon_scheduler.eve.demo.universe import (
    FIRST_ALLIANCE,
    FIRST_CHARACTER,
    FIRST_CORPORATION,
    Universe,
    character_name,
)

_BEHIND = timedelta(days=2)
_PER_WRITE = 1000
PROFILES = 12


async def seed(database: AsyncDatabase[dict[str, Any]], universe: Universe | None = None) -> None:
    """Write characters, corporations and logins of the universe. Repeatable: what is there already stays as it is.

    Of the logins the last is revoked; a tenth of the characters are stored in a corporation that they have left; one
    alliance is long gone.
    """
    universe = universe or Universe()
    old = datetime.now(UTC) - _BEHIND
    await _insert(
        database, "characters", "character_id", (_character(i, universe, old) for i in range(universe.characters))
    )
    await _insert(
        database, "corporations", "corporation_id", (_corporation(i, old) for i in range(universe.corporations))
    )
    gone = {"alliance_id": FIRST_ALLIANCE - 1, "name": "Long Gone Compact", "created_at": old, "updated_at": old}
    await _insert(database, "alliances", "alliance_id", [gone])
    logins = min(PROFILES, universe.characters)
    await _insert(database, "user_profiles", "character_id", (_profile(i, logins, old) for i in range(logins)))


async def _insert(database: AsyncDatabase[dict[str, Any]], name: str, key: str, documents: Any) -> None:
    await database[name].create_index(key, unique=True)
    writes: list[UpdateOne] = []
    for document in documents:
        writes.append(UpdateOne({key: document[key]}, {"$setOnInsert": document}, upsert=True))
        if len(writes) == _PER_WRITE:
            await database[name].bulk_write(writes, ordered=False)
            writes = []
    if writes:
        await database[name].bulk_write(writes, ordered=False)


def _character(index: int, universe: Universe, old: datetime) -> dict[str, Any]:
    character_id = FIRST_CHARACTER + index
    belongs = universe.affiliation(character_id) or {}
    if index % 10 == 0:
        belongs = {"character_id": character_id, "corporation_id": FIRST_CORPORATION}
    return {**belongs, "name": character_name(character_id), "created_at": old, "updated_at": old}


def _corporation(index: int, old: datetime) -> dict[str, Any]:
    corporation_id = FIRST_CORPORATION + index
    return {
        "corporation_id": corporation_id,
        "name": f"Company {index + 1}",
        "member_count": 1,
        "created_at": old,
        "updated_at": old,
    }


def _profile(index: int, logins: int, old: datetime) -> dict[str, Any]:
    character_id = FIRST_CHARACTER + index
    revoked = index == logins - 1
    return {
        # Two characters to a user, as users have.
        "user_id": str(uuid5(NAMESPACE_URL, f"demo-user-{index // 2}")),
        "character_id": character_id,
        "character_name": character_name(character_id),
        "character_owner_hash": owner_hash(character_id),
        "scopes": "publicData",
        "access_token": "",
        "refresh_token": revoked_token(character_id) if revoked else refresh_token(character_id),
        "token_expiry": datetime.now(UTC) + timedelta(minutes=5, seconds=index),
        "valid": True,
        "position": index % 2,
        "metadata": {},
        "created_at": old,
        "updated_at": old,
    }
