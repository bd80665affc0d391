"""The corporation update: both shapes, vanished fields, honest counts."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest

from falcon_scheduler.eve.demo.universe import FIRST_CORPORATION
from tests.eve.universe_bench import LONG_AGO, Bench

SOME = [FIRST_CORPORATION + one for one in range(30)]
BOOKKEEPING = ("_id", "created_at", "updated_at")


async def test_known_corporations_are_updated_and_no_others_are_made(bench: Bench) -> None:
    await bench.add_corporations(*SOME)

    result = await bench.run("corporation_update")

    assert result.success
    assert result.output == "Processed 30 corporations: 30 updated, 0 unchanged, 0 skipped, 0 failed"
    assert await bench.database["corporations"].count_documents({}) == 30
    corporation = await bench.corporation(FIRST_CORPORATION + 3)
    assert corporation["tax_rate"] == 0.03
    assert corporation["created_at"] == LONG_AGO < corporation["updated_at"]


async def test_both_shapes_of_a_corporation_become_the_same_document(bench: Bench) -> None:
    documents = []
    for asked in (date(2025, 12, 16), date(2026, 7, 21)):
        bench.esi["compatibility_date"] = asked
        await bench.database["corporations"].delete_many({})
        await bench.add_corporations(*SOME)
        assert (await bench.run("corporation_update")).detail["updated"] == 30
        found = await bench.all("corporations")
        documents.append([{k: v for k, v in one.items() if k not in BOOKKEEPING} for one in found])

    assert documents[0] == documents[1]
    assert documents[0][25]["faction_id"]
    assert documents[0][1]["tax_rate"] == 0.01


async def test_a_corporation_that_left_its_alliance_has_none(bench: Bench) -> None:
    bench.faults.cache_seconds = 0
    await bench.add_corporations(*SOME)
    await bench.run("corporation_update")
    left = FIRST_CORPORATION + 1
    assert (await bench.corporation(left))["alliance_id"]
    bench.demo.universe.independent = {left}

    result = await bench.run("corporation_update")

    assert (result.detail["updated"], result.detail["unchanged"]) == (1, 29)
    assert "alliance_id" not in await bench.corporation(left)


async def test_a_corporation_unknown_to_esi_is_marked_and_not_asked_for_again(bench: Bench) -> None:
    await bench.add_corporations(*SOME)
    bench.demo.universe.unknown = {SOME[3]}

    result = await bench.run("corporation_update")
    assert result.success
    assert (result.detail["failed"], result.detail["deleted"], result.detail["updated"]) == (1, 1, 29)
    assert "deleted_at" in await bench.corporation(SOME[3])

    result = await bench.run("corporation_update")
    assert result.output == "Processed 29 corporations: 0 updated, 29 unchanged, 0 skipped, 0 failed"


async def test_when_esi_knows_none_of_ours_none_is_marked_deleted(bench: Bench) -> None:
    await bench.add_corporations(*SOME)
    bench.demo.universe.unknown = set(SOME)

    result = await bench.run("corporation_update")

    assert not result.success
    assert result.error == "30 of 30 failed; see the log"
    assert await bench.database["corporations"].count_documents({"deleted_at": {"$exists": True}}) == 0


async def test_a_document_that_somebody_deleted_in_between_stays_so(bench: Bench) -> None:
    await bench.add_corporations(*SOME)
    await bench.add_corporations(FIRST_CORPORATION + 40, deleted_at=datetime.now(UTC))

    await bench.run("corporation_update")

    assert "name" not in await bench.corporation(FIRST_CORPORATION + 40)


async def test_workers_ask_at_once_and_no_more_than_they_are(bench: Bench) -> None:
    await bench.add_corporations(*SOME)
    bench.demo.latency_seconds = 0.05

    await bench.run("corporation_update", concurrent_workers=3, batch_size=5)

    # Three at a time means that the fourth arrives only when the first has been answered.
    arrivals = sorted(at for at, route in bench.demo.arrivals if route.startswith("/corporations"))
    assert all(later - earlier >= 0.045 for earlier, later in zip(arrivals, arrivals[3:], strict=False))
    assert min(later - earlier for earlier, later in itertools.pairwise(arrivals)) < 0.045


async def test_reading_one_at_a_time_still_reaches_all(bench: Bench) -> None:
    await bench.add_corporations(*SOME[:6])

    assert (await bench.run("corporation_update", batch_size=1)).detail["updated"] == 6


async def test_the_runs_own_parameters_stand_over_the_tasks(bench: Bench) -> None:
    await bench.add_corporations(*SOME)

    refused = await bench.run("corporation_update", config={"concurrent_workers": 2}, concurrent_workers=0)

    assert not refused.success
    assert not refused.retryable
    assert refused.error.startswith("Not run: parameters.concurrent_workers")
    assert bench.demo.requests.total() == 0


@pytest.mark.parametrize(
    ("task_name", "parameters", "field"),
    [
        ("token_refresh", {"batch_size": 0}, "batch_size"),
        ("token_refresh", {"window": "soon"}, "window"),
        ("character_affiliation_update", {"batch_size": 1001}, "batch_size"),
        ("character_affiliation_update", {"parallel_workers": 51}, "parallel_workers"),
        ("alliance_bulk_import", {"delay_between_requests": "-1s"}, "delay_between_requests"),
        ("alliance_bulk_import", {"timeout": "0s"}, "timeout"),
        ("corporation_update", {"concurrent_workers": "many"}, "concurrent_workers"),
        ("corporation_update", {"worker_count": 3}, "worker_count"),
    ],
)
async def test_a_bad_parameter_is_named(
    bench: Bench, task_name: str, parameters: dict[str, object], field: str
) -> None:
    result = await bench.run(task_name, config=parameters)

    assert not result.success
    assert not result.retryable
    assert f"config.parameters.{field}" in result.error
