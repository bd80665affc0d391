"""Backfills through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import faults

SPAN = {"from": "2026-01-14T00:00:00Z", "to": "2026-01-14T03:00:00Z"}
INSTANTS = [f"2026-01-14T0{hour}:00:00.000Z" for hour in range(3)]


async def test_a_backfill_is_shown_owed_and_given_up(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    task = await make(schedule="0 0 * 14 1 ?")
    path = f"/tasks/{task['id']}"
    await admin.post(f"{path}/pause")
    shown = (await admin.post(f"{path}/backfill", json={**SPAN, "dry_run": True})).json()
    assert shown == {
        "task_id": task["id"], "dry_run": True, "runs": 3, "instants": INSTANTS, "already_served": 0
    }  # fmt: skip
    assert "owed_runs" not in (await admin.get(path)).json()["metadata"]
    owed = (await admin.post(f"{path}/backfill", json=SPAN)).json()
    assert (owed["runs"], owed["dry_run"]) == (3, False)
    assert (await admin.get(path)).json()["metadata"]["owed_runs"] == 3
    repeated = (await admin.post(f"{path}/backfill", json=SPAN)).json()
    assert (repeated["runs"], repeated["already_served"]) == (0, 3)
    assert (await admin.delete(f"{path}/backfill")).json() == {"task_id": task["id"], "removed": 3}
    entries = (await admin.get("/audit", params={"task_id": task["id"], "action": "backfill"})).json()["entries"]
    assert len(entries) == 2
    await admin.post(f"{path}/disable")
    assert (await admin.post(f"{path}/backfill", json=SPAN)).status_code == 409


@pytest.mark.parametrize(
    ("body", "locations"),
    [
        ({}, {"from", "to"}),
        ({**SPAN, "from": "yesterday", "dry_run": 1}, {"from", "dry_run"}),
        ({"from": SPAN["to"], "to": SPAN["from"]}, {"to"}),
        ({**SPAN, "to": "2099-01-01T00:00:00Z"}, {"to"}),
        ({**SPAN, "from": "2024-01-01T00:00:00Z"}, {"to"}),
        ({**SPAN, "twice": True}, {"twice"}),
    ],
)
async def test_a_wrong_backfill_is_refused_by_its_field(
    admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]], body: dict[str, Any], locations: set[str]
) -> None:
    task = await make(schedule="0 0 * 14 1 ?")
    assert set(faults(await admin.post(f"/tasks/{task['id']}/backfill", json=body))) == locations
