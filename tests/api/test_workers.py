"""The workers that can run executions, through the API."""

from __future__ import annotations

import httpx


async def test_the_workers_are_listed_and_the_reason_when_nothing_can_run(admin: httpx.AsyncClient) -> None:
    answer = (await admin.get("/workers")).json()
    assert answer["slots"] == sum(each["slots"] for each in answer["workers"])
    assert ("problem" in answer) == (not answer["workers"] or answer["is_paused"])
