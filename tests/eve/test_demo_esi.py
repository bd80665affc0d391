"""The demo server as a newcomer meets it, and what it refuses."""

from __future__ import annotations

import asyncio
import sys

import httpx
import pytest

from falcon_scheduler.eve.demo import Universe, seed
from tests.eve.universe_bench import AGENT, Bench

HEADERS = {"User-Agent": AGENT, "X-Compatibility-Date": "2025-12-16"}


async def test_all_four_tasks_succeed_on_a_seeded_database(bench: Bench) -> None:
    await seed(bench.database, bench.demo.universe)

    results = {
        name: await bench.run(name)
        for name in ("token_refresh", "character_affiliation_update", "alliance_bulk_import", "corporation_update")
    }

    assert all(result.success for result in results.values())
    assert {name: result.output for name, result in results.items()} == {
        "token_refresh": "Processed 12 tokens: 11 successful, 1 failed",
        "character_affiliation_update": "Processed 400 characters: 40 updated, 360 unchanged, 0 skipped, 0 failed",
        "alliance_bulk_import": "Processed 20 alliances: 20 created, 0 updated, 0 skipped, 0 failed"
        ", 1 marked deleted",
        "corporation_update": "Processed 60 corporations: 60 updated, 0 unchanged, 0 skipped, 0 failed",
    }


async def test_seeding_twice_changes_nothing(bench: Bench) -> None:
    universe = Universe(alliances=3, corporations=5, characters=20)
    await seed(bench.database, universe)
    before = await bench.all("user_profiles")

    await seed(bench.database, universe)

    assert await bench.all("user_profiles") == before
    assert await bench.database["characters"].count_documents({}) == 20


async def test_it_runs_as_a_program_and_ends_on_a_signal() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "falcon_scheduler.eve.demo", "--alliances", "3", "--characters", "5"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    address = line.rsplit(" ", 1)[1].strip()
    async with httpx.AsyncClient(base_url=address, headers=HEADERS) as client:
        alliances = await client.get("/alliances")
        metadata = await client.get("/.well-known/oauth-authorization-server")
    process.terminate()

    assert line.startswith("Demo ESI and SSO on http://127.0.0.1:")
    assert len(alliances.json()) == 3
    assert metadata.json()["token_endpoint"] == f"{address}/v2/oauth/token"
    assert await asyncio.wait_for(process.wait(), 60) == 0


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"X-Compatibility-Date": "2025-12-16", "User-Agent": "nobody"}, [90_000_001], "User-Agent"),
        ({"User-Agent": AGENT}, [90_000_001], "x-compatibility-date is required"),
        (HEADERS | {"X-Compatibility-Date": "2199-01-01"}, [90_000_001], "future"),
        (HEADERS, [], "non-empty"),
        (HEADERS, [90_000_001, 90_000_001], "non-unique"),
        (HEADERS, list(range(90_000_001, 90_001_002)), "too long"),
        (HEADERS, ["90000001"], "not of type"),
    ],
)
async def test_it_refuses_what_the_specification_does(
    bench: Bench, headers: dict[str, str], body: list[object], said: str
) -> None:
    bench.demo.universe.characters = 2000
    async with httpx.AsyncClient(base_url=bench.running.base_url) as client:
        answer = await client.post("/characters/affiliation", headers=headers, json=body)

    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize("asked", ["2020-01-01", "2025-12-16", "2026-07-21"])
async def test_its_own_answers_fit_the_specification_of_every_version(bench: Bench, asked: str) -> None:
    headers = HEADERS | {"X-Compatibility-Date": asked}
    async with httpx.AsyncClient(base_url=bench.running.base_url, headers=headers) as client:
        for path in ("/status", "/meta/status", "/alliances", "/alliances/99000001", "/corporations/98000008"):
            assert (await client.get(path)).status_code == 200, path
        affiliations = await client.post("/characters/affiliation", json=[90_000_001, 90_000_002])
        assert affiliations.status_code == 200


async def test_a_bucket_that_is_spent_answers_429(bench: Bench) -> None:
    bench.demo.spent["meta"] = 150
    async with httpx.AsyncClient(base_url=bench.running.base_url, headers=HEADERS) as client:
        answer = await client.get("/meta/status")

    assert answer.status_code == 429
    assert "x-esi-error-limit-remain" not in answer.headers
