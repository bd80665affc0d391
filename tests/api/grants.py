"""Callers with certain permissions, as go-falcon's groups grant them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.core.domain.principal import Permission
from tests.api.conftest import bearer, token_of

_characters = itertools.count(700_000)


@asynccontextmanager
async def caller_with(
    database: AsyncDatabase[dict[str, Any]], settings: Settings, *permissions: Permission
) -> AsyncIterator[dict[str, str]]:
    """The headers of a character that is in a group with these permissions, and in no other."""
    group, character = f"group {uuid.uuid4()}", next(_characters)
    await database["groups"].insert_one({"_id": group, "name": group, "is_active": True})
    await database["group_memberships"].insert_one(
        {"_id": group, "group_id": group, "character_id": character, "is_active": True}
    )
    ids = [f"{group} {permission}" for permission in permissions]
    for id, permission in zip(ids, permissions, strict=True):
        await database["group_permissions"].insert_one(
            {"_id": id, "group_id": group, "permission_id": str(permission), "is_active": True}
        )
    yield bearer(token_of(settings, user_id=f"user {character}", character_id=character))
    await database["group_permissions"].delete_many({"_id": {"$in": ids}})
    await database["group_memberships"].delete_one({"_id": group})
    await database["groups"].delete_one({"_id": group})
