"""Who may do what: every route with every kind of caller."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from bson import ObjectId
from fastapi import FastAPI
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.core.domain.principal import Permission
from tests.api.conftest import BASE, bearer, token_of

PUBLIC, READ, SIGNING_IN = "public", "read", "signing in"
ROUTES: Mapping[tuple[str, str], str] = {
    ("GET", "/status"): PUBLIC,
    ("GET", "/scheduler-status"): PUBLIC,
    ("GET", "/stats"): PUBLIC,
    ("GET", "/tasks"): READ,
    ("GET", "/tasks/{task_id}"): READ,
    ("GET", "/tasks/{task_id}/history"): READ,
    ("GET", "/tasks/{task_id}/executions/{execution_id}"): READ,
    ("GET", "/executions"): READ,
    ("GET", "/executions/{execution_id}"): READ,
    ("POST", "/executions/{execution_id}/cancel"): Permission.CONTROL,
    ("POST", "/executions/{execution_id}/repeat"): Permission.EXECUTE,
    ("GET", "/executions/{execution_id}/logs"): READ,
    ("GET", "/occurrences"): READ,
    ("GET", "/tasks/{task_id}/occurrences"): READ,
    ("GET", "/tasks/{task_id}/explain"): READ,
    ("GET", "/events"): READ,
    ("GET", "/workers"): READ,
    ("GET", "/session"): READ,
    ("POST", "/session"): SIGNING_IN,
    ("DELETE", "/session"): PUBLIC,
    ("GET", "/executors"): READ,
    ("GET", "/audit"): Permission.MANAGE,
    ("GET", "/alerts"): READ,
    ("POST", "/alerts/test"): Permission.MANAGE,
    ("POST", "/schedules/preview"): READ,
    ("POST", "/schedules/convert"): READ,
    ("GET", "/schedules/upcoming"): READ,
    ("POST", "/schedules/simulate"): READ,
    ("GET", "/tasks/export"): READ,
    ("POST", "/tasks"): Permission.CREATE,
    ("POST", "/tasks/import"): Permission.CREATE,
    ("PUT", "/tasks/{task_id}"): Permission.UPDATE,
    ("DELETE", "/tasks/{task_id}"): Permission.DELETE,
    ("POST", "/tasks/{task_id}/execute"): Permission.EXECUTE,
    ("GET", "/calendars"): READ,
    ("GET", "/calendars/{name}"): READ,
    ("POST", "/calendars"): Permission.CREATE,
    ("PUT", "/calendars/{name}"): Permission.UPDATE,
    ("DELETE", "/calendars/{name}"): Permission.DELETE,
    ("POST", "/tasks/{task_id}/backfill"): Permission.EXECUTE,
    ("DELETE", "/tasks/{task_id}/backfill"): Permission.EXECUTE,
    ("POST", "/tasks/{task_id}/stop"): Permission.CONTROL,
    ("POST", "/tasks/{task_id}/pause"): Permission.CONTROL,
    ("POST", "/tasks/{task_id}/resume"): Permission.CONTROL,
    ("POST", "/tasks/{task_id}/enable"): Permission.CONTROL,
    ("POST", "/tasks/{task_id}/disable"): Permission.CONTROL,
    ("POST", "/tasks/bulk"): Permission.CONTROL,
    ("GET", "/settings"): Permission.MANAGE,
    ("POST", "/reload"): Permission.MANAGE,
}
"""What each route needs. A test checks that every route of the OpenAPI document is listed here."""

ENDING: Mapping[str, str] = {"/events": "?seconds=0"}
"""What has the answer of a route end: a stream that may not be so short is refused, after its caller was judged."""

PLAIN, SOLD, IDLE, IMPOSTOR = 1000, 1001, 1002, 1003
WITH_PERMISSION = {permission: 2000 + position for position, permission in enumerate(Permission)}
EDITOR = 2500
"""May create and update, and nothing else."""
ADMIN, ADMINS_OTHER, ADMIN_OF_A_CLOSED_GROUP = 3000, 3001, 3002
CHARACTERS = {
    "a plain user": PLAIN,
    "a user whose grant was taken away": SOLD,
    "a user whose group is not active": IDLE,
    "a member of a group that is only named so": IMPOSTOR,
    **{f"a user with {permission}": character for permission, character in WITH_PERMISSION.items()},
    "a super admin by group": ADMIN,
    "another character of a super admin": ADMINS_OTHER,
    "a member of a closed super admin group": ADMIN_OF_A_CLOSED_GROUP,
}


def tokens(settings: Settings) -> dict[str, str | None]:
    """Every kind of caller, by the token that it sends."""
    assert settings.api.jwt_secret
    key = settings.api.jwt_secret.get_secret_value()
    now = datetime.now(UTC)
    sound = {"user_id": "u", "character_id": 1, "iss": "go-falcon", "exp": now + timedelta(minutes=5)}
    super_admin = sound | {"super_admin": True}
    return {
        "nobody": None,
        "not a token": "abc",
        "a bad signature": jwt.encode(super_admin, "another key that is long enough for HS256", algorithm="HS256"),
        "an expired token": token_of(settings, exp=now - timedelta(seconds=31), super_admin=True),
        "a token that does not expire": token_of(settings, exp=None, super_admin=True),
        "another issuer": token_of(settings, iss="somebody", super_admin=True),
        "no issuer": token_of(settings, iss=None, super_admin=True),
        "no algorithm": jwt.encode(super_admin, "", algorithm="none"),
        "a stronger algorithm than ours": jwt.encode(super_admin, key * 2, algorithm="HS512"),
        "an empty user": token_of(settings, user_id="", super_admin=True),
        "no user": token_of(settings, user_id=None, super_admin=True),
        "no character": token_of(settings, character_id=None, super_admin=True),
        "character zero": token_of(settings, character_id=0, super_admin=True),
        "a character that is text": token_of(settings, character_id="1", super_admin=True),
        "a character that is a truth": token_of(settings, character_id=True, super_admin=True),
        **{name: token_of(settings, character_id=character) for name, character in CHARACTERS.items()},
        "a super admin by claim": token_of(settings, character_id=999, super_admin=True),
        "a super admin by word of mouth": token_of(settings, character_id=PLAIN, super_admin="true"),
    }


def expected(caller: str, asked: str) -> set[int]:
    """The statuses with which a caller may be answered where `asked` is asked for."""
    may = {400, 404, 200, 201, 202, 409, 415}
    if asked == PUBLIC:
        return {200}
    if asked == SIGNING_IN:
        return {400}
    if caller in NOBODIES:
        return {401}
    permitted = asked == READ or caller in {
        f"a user with {asked}",
        "a super admin by group",
        "another character of a super admin",
        "a super admin by claim",
    }
    return may if permitted else {403}


NOBODIES = {
    *("nobody", "not a token", "a bad signature", "an expired token", "a token that does not expire"),
    *("another issuer", "no issuer", "no algorithm", "a stronger algorithm than ours", "an empty user", "no user"),
    *("no character", "character zero", "a character that is text", "a character that is a truth"),
}


@pytest_asyncio.fixture(scope="module", autouse=True)
async def groups(mongo_database: AsyncDatabase[dict[str, Any]]) -> AsyncIterator[None]:
    """Users, groups and grants as go-falcon keeps them."""
    admins, closed, fakes, idle, sold = (ObjectId() for _ in range(5))
    granted = {permission: ObjectId() for permission in Permission}
    group_rows = [
        {"_id": admins, "name": "Renamed by its owner", "system_name": "super_admin", "is_active": True},
        {"_id": closed, "name": "Super Administrator", "system_name": "super_admin", "is_active": False},
        {"_id": fakes, "name": "Administrator", "is_active": True},
        {"_id": idle, "name": "Idle", "is_active": False},
        {"_id": sold, "name": "Sold", "is_active": True},
        *({"_id": each, "name": str(permission), "is_active": True} for permission, each in granted.items()),
    ]
    members = [
        *((admins, ADMIN, True), (admins, PLAIN, False), (closed, ADMIN_OF_A_CLOSED_GROUP, True)),
        *((fakes, IMPOSTOR, True), (idle, IDLE, True), (sold, SOLD, True)),
        *((granted[permission], character, True) for permission, character in WITH_PERMISSION.items()),
        *((granted[permission], EDITOR, True) for permission in (Permission.CREATE, Permission.UPDATE)),
    ]
    grants = [
        *((group, permission, True) for permission, group in granted.items()),
        *((idle, permission, True) for permission in Permission),
        *((sold, permission, False) for permission in Permission),
    ]
    rows = {
        "groups": group_rows,
        "group_memberships": [
            {"group_id": group, "character_id": character, "is_active": active}
            for group, character, active in members
        ],
        "group_permissions": [
            {"group_id": group, "permission_id": str(permission), "is_active": active}
            for group, permission, active in grants
        ],
        "user_profiles": [
            {"user_id": "the boss", "character_id": ADMIN},
            {"user_id": "the boss", "character_id": ADMINS_OTHER},
            *({"user_id": f"user {each}", "character_id": each} for each in WITH_PERMISSION.values()),
            {"user_id": "user plain", "character_id": PLAIN},
        ],
    }
    for name, documents in rows.items():
        await mongo_database[name].insert_many(documents)
    yield
    for name, documents in rows.items():
        await mongo_database[name].delete_many({"_id": {"$in": [document["_id"] for document in documents]}})


def test_the_table_names_every_route_of_the_document(app: FastAPI) -> None:
    documented = {
        (method.upper(), path.removeprefix(BASE))
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    assert documented == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_kind_of_caller_gets_what_it_may(
    client: httpx.AsyncClient, settings: Settings, method: str, path: str
) -> None:
    url = BASE + re.sub(r"\{\w+\}", "nothing", path) + ENDING.get(path, "")
    callers = tokens(settings)
    assert callers.keys() > NOBODIES
    for caller, token in callers.items():
        headers = {} if token is None else bearer(token)
        answer = await client.request(method, url, headers=headers, json={} if method in {"POST", "PUT"} else None)
        assert answer.status_code in expected(caller, ROUTES[method, path]), (caller, answer.text)
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
            said = "Authentication required" if token is None else "Invalid authentication token"
            assert answer.json()["detail"] == said


async def test_a_change_carries_its_users_name(client: httpx.AsyncClient, settings: Settings) -> None:
    creator = bearer(token_of(settings, user_id="the creator", character_id=WITH_PERMISSION[Permission.CREATE]))
    switcher = bearer(token_of(settings, user_id="the switcher", character_id=WITH_PERMISSION[Permission.CONTROL]))
    deleter = bearer(token_of(settings, user_id="the deleter", character_id=WITH_PERMISSION[Permission.DELETE]))
    config = {"function_name": "noop", "module": "builtin"}
    body = {"name": "whose task", "type": "function", "schedule": "@hourly", "config": config}
    created = (await client.post(f"{BASE}/tasks", json=body, headers=creator)).json()
    path = f"{BASE}/tasks/{created['id']}"
    paused = (await client.post(f"{path}/pause", headers=switcher)).json()
    assert (await client.delete(path, headers=deleter)).status_code == 200
    assert (created["created_by"], created["updated_by"]) == ("the creator", "the creator")
    assert (paused["created_by"], paused["updated_by"]) == ("the creator", "the switcher")


async def test_who_may_change_a_task_but_not_switch_it_does_not_switch_it_by_a_change(
    make: Callable[..., Awaitable[Any]], client: httpx.AsyncClient, admin: httpx.AsyncClient, settings: Settings
) -> None:
    editor = bearer(token_of(settings, user_id="the editor", character_id=EDITOR))
    task = await make()
    path = f"{BASE}/tasks/{task['id']}"
    exported = {name: task[name] for name in ("name", "type", "schedule", "config")}

    async def put(**change: Any) -> int:
        return (await client.put(path, json=change, headers=editor)).status_code

    async def overwrite(**change: Any) -> dict[str, Any]:
        body = {"tasks": [exported | change], "overwrite": True}
        outcome: dict[str, Any] = (await client.post(f"{BASE}/tasks/import", json=body, headers=editor)).json()
        return outcome

    assert await put(enabled=False, description="and changed") == 403
    assert (await overwrite(enabled=False))["failed_tasks"][0]["code"] == "permission_missing"
    assert (await client.get(path, headers=editor)).json()["description"] == task["description"], (
        "nothing was changed"
    )
    assert await put(enabled=True, description="sent whole, as a form does") == 200
    assert (await overwrite(enabled=True))["imported"] == 1

    assert (await admin.post(f"/tasks/{task['id']}/disable")).status_code == 200
    assert await put(enabled=True) == 403
    assert await put(description="of a disabled task") == 200
    assert (await admin.put(f"/tasks/{task['id']}", json={"enabled": True})).json()["enabled"] is True
