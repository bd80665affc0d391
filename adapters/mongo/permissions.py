"""Reads the permissions of a character from the collections in which go-falcon stores users, groups and grants.

Ordinary grants apply to the character itself. Super admin applies when any character of the same user is a member of
the group with that `system_name`. The group's display name is ignored: everybody who may create groups may choose it.
Source: go-falcon, group permissions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from falcon_scheduler.adapters.mongo.client import Database, Document
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.core.domain.principal import Grants

SUPER_ADMIN = "super_admin"


class MongoPermissions:
    """Answers `grants` from `user_profiles`, `group_memberships`, `groups` and `group_permissions`."""

    def __init__(self, database: Database) -> None:
        self._profiles = database["user_profiles"]
        self._memberships = database["group_memberships"]
        self._groups = database["groups"]
        self._permissions = database["group_permissions"]

    async def grants(self, character_id: int) -> Grants:
        """The present permissions of the character. Raises `Unavailable`."""
        with translated():
            characters = await self._characters_of_the_same_user(character_id)
            theirs = await self._active_groups(characters)
            if any(group.get("system_name") == SUPER_ADMIN for group in theirs):
                return Grants(is_super_admin=True)
            own = await self._active_groups({character_id})
            return Grants(permissions=await self._permissions_of(group["_id"] for group in own))

    async def _characters_of_the_same_user(self, character_id: int) -> set[int]:
        profile = await self._profiles.find_one({"character_id": character_id}, {"user_id": 1})
        if profile is None or not profile.get("user_id"):
            return {character_id}
        return {character_id, *await _values(self._profiles, {"user_id": profile["user_id"]}, "character_id")}

    async def _active_groups(self, characters: set[int]) -> list[Document]:
        memberships = {"character_id": {"$in": sorted(characters)}, "is_active": True}
        ids = await _values(self._memberships, memberships, "group_id")
        if not ids:
            return []
        wanted = {"_id": {"$in": ids}, "is_active": True}
        return await self._groups.find(wanted, {"system_name": 1}).to_list()

    async def _permissions_of(self, group_ids: Iterable[Any]) -> frozenset[str]:
        ids = list(group_ids)
        if not ids:
            return frozenset()
        granted = await _values(self._permissions, {"group_id": {"$in": ids}, "is_active": True}, "permission_id")
        return frozenset(str(each) for each in granted)


async def _values(collection: AsyncCollection[Document], query: Document, field: str) -> list[Any]:
    documents = await collection.find(query, {field: 1}).to_list()
    return [document[field] for document in documents if document.get(field) is not None]
