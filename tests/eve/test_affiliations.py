"""The affiliation update: what is asked, what is written, and what one bad id does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from falcon_scheduler.eve.demo.universe import FIRST_CHARACTER
from falcon_scheduler.eve.domain.affiliation import Affiliation, Batcher, StaleCharacter, StalePage
from tests.eve.universe_bench import LONG_AGO, Bench

SOME = [FIRST_CHARACTER + one for one in range(40)]
NO_CHARACTER = FIRST_CHARACTER + 5000


async def add_as_in_esi(bench: Bench, *character_ids: int) -> None:
    """Characters who stand where ESI says."""
    for one in character_ids:
        await bench.add_characters(one, **(bench.demo.universe.affiliation(one) or {}))


async def test_what_differs_is_written_and_nothing_else(bench: Bench) -> None:
    await add_as_in_esi(bench, *SOME[:30])
    await bench.add_characters(*SOME[30:], alliance_id=5, faction_id=6)

    result = await bench.run("character_affiliation_update")

    assert result.success
    assert result.output == "Processed 40 characters: 10 updated, 30 unchanged, 0 skipped, 0 failed"
    assert (await bench.character(SOME[0]))["updated_at"] == LONG_AGO, "unchanged characters are not written"
    for one in SOME:
        character, said = await bench.character(one), bench.demo.universe.affiliation(one)
        assert said is not None
        names = ("corporation_id", "alliance_id", "faction_id")
        assert {k: character[k] for k in names if k in character} == {k: said[k] for k in names if k in said}


async def test_characters_that_were_just_checked_are_not_asked_for(bench: Bench) -> None:
    await add_as_in_esi(bench, *SOME)
    await bench.run("character_affiliation_update")

    result = await bench.run("character_affiliation_update")

    assert result.output == "Processed 0 characters: 0 updated, 0 unchanged, 0 skipped, 0 failed"
    assert bench.requests("POST") == 1


async def test_a_check_that_changes_nothing_writes_one_small_document(bench: Bench) -> None:
    await add_as_in_esi(bench, *SOME)
    before = await bench.all("characters")

    await bench.run("character_affiliation_update")
    await bench.run("character_affiliation_update", max_age="0s")

    assert bench.requests("POST") == 2
    assert await bench.all("characters") == before
    assert len(await bench.all("character_checks")) == 1


async def test_a_fresh_document_is_left_alone_and_a_new_one_is_found(bench: Bench) -> None:
    await bench.add_characters(SOME[0], updated_at=datetime.now(UTC))
    await bench.add_characters(SOME[1])
    assert (await bench.run("character_affiliation_update")).detail["updated"] == 1

    await bench.add_characters(SOME[2])

    assert (await bench.run("character_affiliation_update")).detail["updated"] == 1
    assert (await bench.character(SOME[0]))["corporation_id"] == 1


async def test_zeros_of_the_go_service_mean_in_none(bench: Bench) -> None:
    lone = next(one for one in SOME if "alliance_id" not in (bench.demo.universe.affiliation(one) or {}))
    await add_as_in_esi(bench, lone)
    await bench.database["characters"].update_one(
        {"character_id": lone}, {"$set": {"alliance_id": 0, "faction_id": 0}}
    )

    assert (await bench.run("character_affiliation_update")).detail["unchanged"] == 1

    bench.demo.universe.moved = {lone}
    await bench.run("character_affiliation_update", max_age="0s")
    assert 0 not in (await bench.character(lone)).values()


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_one_bad_id_costs_only_itself(bench: Bench, status: int) -> None:
    bench.faults.bad_character_status = status
    await bench.add_characters(*SOME, NO_CHARACTER)

    result = await bench.run("character_affiliation_update")

    assert result.success
    assert result.output == "Processed 41 characters: 40 updated, 0 unchanged, 0 skipped, 1 failed"
    assert result.detail["quarantined"] == 1
    assert bench.requests(f"affiliation {status}") + bench.requests("affiliation 404") <= 14, (
        "halving, not one by one"
    )


async def test_a_bad_id_is_left_out_for_a_day_and_then_tried_again(bench: Bench) -> None:
    await bench.add_characters(SOME[0], NO_CHARACTER)
    await bench.run("character_affiliation_update")
    asked = bench.requests("POST")

    await bench.run("character_affiliation_update", max_age="0s")
    assert bench.requests("POST") == asked + 1
    assert bench.requests("affiliation 400") == 1

    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    await bench.database["characters"].update_one(
        {"character_id": NO_CHARACTER}, {"$set": {"affiliation_error_at": two_days_ago}}
    )
    bench.demo.universe.characters = 10_000
    await bench.run("character_affiliation_update", max_age="0s")
    character = await bench.character(NO_CHARACTER)
    assert "affiliation_error_at" not in character
    assert character["corporation_id"] != 1


async def test_a_deleted_character_is_skipped(bench: Bench) -> None:
    await bench.add_characters(*SOME)
    bench.demo.universe.deleted_characters = {SOME[7]}

    result = await bench.run("character_affiliation_update")

    assert result.output == "Processed 40 characters: 39 updated, 0 unchanged, 1 skipped, 0 failed"
    assert (await bench.character(SOME[7]))["corporation_id"] == 1


async def test_a_batch_is_never_split_over_esis_own_troubles(bench: Bench) -> None:
    await bench.add_characters(*SOME)
    bench.faults.add("/characters/*", status=502, times=1)

    result = await bench.run("character_affiliation_update")

    assert result.detail["updated"] == 40
    assert bench.requests("POST") == 2


async def test_a_batch_that_failed_is_due_in_the_next_run(bench: Bench) -> None:
    await bench.add_characters(*SOME)
    bench.faults.add("/characters/*", status=500, times=3)

    result = await bench.run("character_affiliation_update", batch_size=20, parallel_workers=1)
    assert result.success
    assert (result.detail["updated"], result.detail["failed"]) == (20, 20)

    result = await bench.run("character_affiliation_update", batch_size=20)
    assert (result.detail["updated"], result.detail["failed"]) == (20, 0)


async def test_an_outage_ends_the_run_and_changes_nothing(bench: Bench) -> None:
    await bench.add_characters(*SOME)
    bench.faults.add("*", status=500)
    before = await bench.all("characters")

    result = await bench.run("character_affiliation_update", batch_size=2)

    assert not result.success
    assert result.retryable
    assert "ESI is not available" in result.error
    assert bench.requests("POST") <= 3 * 8, "it gives up after some batches, not after all"
    assert await bench.all("characters") == before


async def test_a_character_changed_by_others_in_between_is_not_overwritten(bench: Bench) -> None:
    await bench.add_characters(*SOME)
    bench.faults.add("/characters/*", kind="slow", seconds=2.0)

    run = asyncio.create_task(bench.run("character_affiliation_update"))
    await bench.asked()
    await bench.database["characters"].update_one({"character_id": SOME[0]}, {"$set": {"corporation_id": 99}})
    result = await run

    assert (result.detail["updated"], result.detail["skipped"]) == (39, 1)
    assert (await bench.character(SOME[0]))["corporation_id"] == 99


def stale(*ids: int) -> list[StaleCharacter]:
    return [StaleCharacter(Affiliation(one, 1), None, (None, None, None)) for one in ids]


def test_doubtful_ids_get_batches_of_their_own() -> None:
    batcher = Batcher(1000)
    ids = (90_000_001, 90_000_002, 100_000_001, 2_100_000_001)

    batches = batcher.add(StalePage(1, 3_000_000_000, stale(*ids))) + batcher.rest()

    assert [[one.stored.character_id for one in batch.characters] for batch in batches] == [
        [90_000_001, 90_000_002],
        [100_000_001],
        [2_100_000_001],
    ]
    assert [(batch.low, batch.high) for batch in batches] == [
        (1, 90_000_002),
        (90_000_003, 100_000_001),
        (100_000_002, 2_100_000_001),
    ]


def test_batches_fill_across_pages_but_not_across_what_was_checked_already() -> None:
    batcher = Batcher(3)
    batches = [
        *batcher.add(StalePage(1, 10, stale(1, 2))),
        *batcher.add(StalePage(11, 20, stale(12, 13))),
        *batcher.add(StalePage(31, 40, stale(35))),
        *batcher.rest(),
    ]

    assert [(batch.low, batch.high, len(batch.characters)) for batch in batches] == [
        (1, 12, 3),
        (13, 13, 1),
        (31, 35, 1),
    ]


async def test_characters_far_apart_are_asked_in_full_batches(bench: Bench) -> None:
    bench.demo.universe.characters = 100_000
    bench.demo.check_answers = False
    await bench.add_characters(*range(FIRST_CHARACTER, FIRST_CHARACTER + 100_000, 400))

    result = await bench.run("character_affiliation_update", batch_size=100)

    assert result.detail["updated"] == 250
    assert bench.requests("POST") == 3


async def test_batches_may_be_as_small_as_one(bench: Bench) -> None:
    await bench.add_characters(*SOME[:5])

    result = await bench.run("character_affiliation_update", batch_size=1)

    assert result.detail["updated"] == 5
    assert bench.requests("POST") == 5
