"""Grants as go-falcon's groups give them, on each server."""

from __future__ import annotations

from typing import Any

import pytest

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.permissions import MongoPermissions

CHARACTER, ALT, STRANGER = 1, 2, 3


async def granted(database: Database, group: str, *, character: int, permission: str = "", **fields: Any) -> None:
    """Make a character a member of a group that may do something."""
    active = {"is_active": True, **fields}
    await database["groups"].insert_one({"_id": group, "is_active": True, "system_name": fields.get("system_name")})
    await database["group_memberships"].insert_one({"character_id": character, "group_id": group, **active})
    if permission:
        await database["group_permissions"].insert_one({"group_id": group, "permission_id": permission, **active})


@pytest.fixture
def permissions(database: Database) -> MongoPermissions:
    return MongoPermissions(database)


async def test_a_member_of_a_group_may_what_the_group_may(database: Database, permissions: MongoPermissions) -> None:
    await granted(database, "g", character=CHARACTER, permission="scheduler:tasks:create")
    assert (await permissions.grants(CHARACTER)).permissions == {"scheduler:tasks:create"}
    assert (await permissions.grants(STRANGER)).permissions == frozenset()


async def test_grants_that_are_not_active_count_for_nothing(
    database: Database, permissions: MongoPermissions
) -> None:
    await granted(database, "g", character=CHARACTER, permission="scheduler:tasks:create", is_active=False)
    assert (await permissions.grants(CHARACTER)).permissions == frozenset()


async def test_super_admin_counts_for_every_character_of_the_user_and_other_grants_do_not(
    database: Database, permissions: MongoPermissions
) -> None:
    await database["user_profiles"].insert_many(
        [{"character_id": CHARACTER, "user_id": "u"}, {"character_id": ALT, "user_id": "u"}]
    )
    await granted(database, "plain", character=ALT, permission="scheduler:tasks:create")
    assert (await permissions.grants(CHARACTER)).permissions == frozenset()
    await granted(database, "admins", character=ALT, system_name="super_admin")
    assert (await permissions.grants(CHARACTER)).is_super_admin
    assert not (await permissions.grants(STRANGER)).is_super_admin
