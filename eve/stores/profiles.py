"""`user_profiles`: logins of EVE characters. A conditional update claims a profile for a refresh; there is no lock.

Queries hold no `$or`: the two halves of a keyset page are two ranges, each served by (valid, token_expiry,
character_id), on servers without a query planner too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.errors import translated
from falcon_scheduler.adapters.mongo.go_falcon.database import MongoTakeoverRecord
from falcon_scheduler.eve.domain.errors import TokenUnreadable
from falcon_scheduler.eve.domain.other_refresher import is_of_another_refresher
from falcon_scheduler.eve.domain.profile import Grant, Position, Profile
from falcon_scheduler.eve.stores.collections import USER_PROFILES, aware
from falcon_scheduler.eve.stores.other_refresher import (
    REFRESHED_AT,
    REFRESHED_UNTIL,
    MongoOtherRefresher,
    fresh_traces,
)
from falcon_scheduler.eve.stores.token_vault import TokenVault

_CLAIM = "refresh_claimed_until"
_FIELDS = {
    "character_id": 1,
    "character_owner_hash": 1,
    "token_expiry": 1,
    "refresh_token": 1,
    _CLAIM: 1,
}
_ORDER = [("token_expiry", ASCENDING), ("character_id", ASCENDING)]


class MongoProfiles:
    """A `ProfileStore` over MongoDB."""

    def __init__(self, database: Database, vault: TokenVault) -> None:
        self._profiles = aware(database, USER_PROFILES)
        self._takeovers = MongoTakeoverRecord(database)
        self._noted = MongoOtherRefresher(database)
        self._vault = vault

    async def due(self, before: datetime, after: Position | None, limit: int) -> Sequence[Profile]:
        if after is None:
            return await self._page({"$lt": before}, {}, limit)
        same_expiry = await self._page(after.token_expiry, {"character_id": {"$gt": after.character_id}}, limit)
        later = {"$gt": after.token_expiry, "$lt": before}
        return [*same_expiry, *await self._page(later, {}, limit - len(same_expiry))]

    async def _page(self, expiry: object, behind: Mapping[str, Any], limit: int) -> list[Profile]:
        if limit <= 0:
            return []
        query = {"valid": True, "token_expiry": expiry, "refresh_token": {"$gt": ""}, **behind}
        with translated():
            found = await self._profiles.find(query, _FIELDS).sort(_ORDER).limit(limit).to_list()
        return [self._profile(document) for document in found]

    def _profile(self, document: Mapping[str, Any]) -> Profile:
        kept = document["refresh_token"]
        try:
            refresh_token = self._vault.open(kept)
        except TokenUnreadable:
            refresh_token = None
        return Profile(
            key=document["_id"],
            version=kept,
            claim=document.get(_CLAIM),
            character_id=int(document.get("character_id") or 0),
            owner_hash=str(document.get("character_owner_hash") or ""),
            token_expiry=document["token_expiry"],
            refresh_token=refresh_token,
        )

    async def of_another_refresher(self, now: datetime) -> int | None:
        takeover = await self._takeovers.read()
        taken_over_at = None if takeover is None else takeover.taken_over_at
        async for trace in fresh_traces(self._profiles, now):
            if is_of_another_refresher(trace, now, taken_over_at):
                return trace.character_id
        return None

    async def note_other_refresher(self, character_id: int | None, now: datetime) -> None:
        await self._noted.write(character_id, now)

    async def claim(self, profile: Profile, now: datetime, until: datetime) -> bool:
        if profile.claim is not None and profile.claim > now:
            return False
        # The claim must still be what was read: of two workers that read it free, one finds it changed.
        return await self._change(profile, {"$set": {_CLAIM: until}}, {"valid": True, _CLAIM: profile.claim})

    async def release(self, profile: Profile) -> None:
        await self._change(profile, {"$unset": {_CLAIM: ""}})

    async def keep(self, profile: Profile, grant: Grant, expires_at: datetime, now: datetime) -> bool:
        return await self._change(
            profile,
            {
                "$set": {
                    "access_token": self._vault.seal(grant.access_token),
                    "refresh_token": self._vault.seal(grant.refresh_token or profile.refresh_token or ""),
                    "token_expiry": expires_at,
                    "updated_at": now,
                    REFRESHED_AT: now,
                    REFRESHED_UNTIL: expires_at,
                },
                "$unset": {_CLAIM: ""},
            },
            {"valid": True},
        )

    async def keep_refresh_token(self, profile: Profile, refresh_token: str, now: datetime) -> None:
        change = {"refresh_token": self._vault.seal(refresh_token), "updated_at": now}
        await self._change(profile, {"$set": change, "$unset": {_CLAIM: ""}})

    async def invalidate(self, profile: Profile, now: datetime) -> None:
        # The dead token stays: if EVE was wrong, `valid: true` restores the login. Sealed, if we can.
        change = {"valid": False, "updated_at": now, "refresh_token": self._vault.seal(profile.refresh_token or "")}
        await self._change(profile, {"$set": change, "$unset": {_CLAIM: ""}})

    async def _change(
        self, profile: Profile, update: Mapping[str, Any], guard: Mapping[str, Any] | None = None
    ) -> bool:
        """Change the profile if its refresh token is still the one read: a login in between is kept."""
        query = {"_id": profile.key, "refresh_token": profile.version, **(guard or {})}
        with translated():
            result = await self._profiles.update_one(query, update)
        return result.matched_count == 1
