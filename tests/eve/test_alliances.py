"""The alliance import, as its user sees it: the collection, the counts, what ESI was asked."""

from __future__ import annotations

import time

from falcon_scheduler.eve.demo.universe import FIRST_ALLIANCE
from tests.eve.universe_bench import LONG_AGO, Bench


async def test_every_listed_alliance_is_created_with_esis_fields_under_our_names(bench: Bench) -> None:
    result = await bench.run("alliance_bulk_import")

    assert result.success
    assert result.output == "Processed 20 alliances: 20 created, 0 updated, 0 skipped, 0 failed"
    alliance, said = await bench.alliance(FIRST_ALLIANCE + 1), bench.demo.universe.alliance(FIRST_ALLIANCE + 1)
    assert said is not None
    assert alliance["creator_character_id"] == said["creator_id"]
    assert "creator_id" not in alliance
    assert "faction_id" not in alliance
    assert alliance["date_founded"].isoformat() == said["date_founded"].replace("Z", "+00:00")
    assert alliance["created_at"] == alliance["updated_at"]


async def test_a_second_import_asks_esi_nothing_and_writes_nothing(bench: Bench) -> None:
    await bench.run("alliance_bulk_import")
    before, asked = await bench.all("alliances"), bench.demo.requests.total()

    result = await bench.run("alliance_bulk_import")

    assert result.output == "Processed 20 alliances: 0 created, 0 updated, 20 skipped, 0 failed"
    assert result.detail["cached"] == 20
    assert bench.demo.requests.total() == asked
    assert await bench.all("alliances") == before


async def test_an_answer_past_its_expiry_is_asked_for_by_its_etag(bench: Bench) -> None:
    bench.faults.cache_seconds = 0
    await bench.run("alliance_bulk_import")
    before = await bench.all("alliances")

    result = await bench.run("alliance_bulk_import")

    assert result.detail["skipped"] == result.detail["not_modified"] == 20
    assert bench.requests("304") == 21, "20 alliances and the list"
    assert await bench.all("alliances") == before


async def test_a_304_still_mends_a_document_that_was_lost(bench: Bench) -> None:
    bench.faults.cache_seconds = 0
    await bench.run("alliance_bulk_import")
    await bench.database["alliances"].delete_one({"alliance_id": FIRST_ALLIANCE})

    result = await bench.run("alliance_bulk_import")

    assert (result.detail["created"], result.detail["skipped"]) == (1, 19)


async def test_a_change_is_written_and_what_is_gone_is_removed_and_the_rest_is_kept(bench: Bench) -> None:
    await bench.database["alliances"].insert_one(
        {
            "alliance_id": FIRST_ALLIANCE + 1,
            "name": "An old name",
            "faction_id": 500_009,
            "note": "somebody's own field",
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
        }
    )

    result = await bench.run("alliance_bulk_import")

    alliance = await bench.alliance(FIRST_ALLIANCE + 1)
    assert (result.detail["created"], result.detail["updated"]) == (19, 1)
    assert alliance["name"] != "An old name"
    assert "faction_id" not in alliance
    assert alliance["note"] == "somebody's own field"
    assert alliance["created_at"] == LONG_AGO < alliance["updated_at"]


async def test_an_alliance_that_is_listed_no_more_is_marked_and_comes_back_unmarked(bench: Bench) -> None:
    bench.faults.cache_seconds = 0
    await bench.run("alliance_bulk_import")
    bench.demo.universe.closed_alliances = {FIRST_ALLIANCE + 3}

    result = await bench.run("alliance_bulk_import")
    assert result.detail["deleted"] == 1
    assert "deleted_at" in await bench.alliance(FIRST_ALLIANCE + 3)

    bench.demo.universe.closed_alliances = set()
    result = await bench.run("alliance_bulk_import")
    assert (result.detail["updated"], result.detail["skipped"]) == (1, 19)
    assert "deleted_at" not in await bench.alliance(FIRST_ALLIANCE + 3)
    assert await bench.database["alliances"].count_documents({}) == 20


async def test_a_list_that_lacks_most_of_what_we_know_is_not_believed(bench: Bench) -> None:
    bench.faults.cache_seconds = 0
    await bench.run("alliance_bulk_import")
    bench.demo.universe.alliances = 5

    result = await bench.run("alliance_bulk_import")

    assert result.success
    assert await bench.database["alliances"].count_documents({"deleted_at": {"$exists": True}}) == 0
    assert any("not believed" in line for line in bench.told.lines)


async def test_one_alliance_that_fails_does_not_fail_the_task(bench: Bench) -> None:
    bench.demo.universe.unknown = {FIRST_ALLIANCE + 4}

    result = await bench.run("alliance_bulk_import")

    assert result.success
    assert result.output == "Processed 20 alliances: 19 created, 0 updated, 0 skipped, 1 failed"


async def test_the_import_fails_when_most_alliances_do(bench: Bench) -> None:
    bench.demo.universe.unknown = {FIRST_ALLIANCE + one for one in range(15)}

    assert not (await bench.run("alliance_bulk_import")).success
    bench.faults.error_limit = 1000
    assert (await bench.run("alliance_bulk_import", failure_threshold=0.8)).success


async def test_without_the_list_the_import_fails_and_touches_nothing(bench: Bench) -> None:
    await bench.database["alliances"].insert_one({"alliance_id": 7, "name": "ours"})
    bench.faults.add("/alliances", status=404)

    result = await bench.run("alliance_bulk_import")

    assert not result.success
    assert "404" in result.error
    assert [one["name"] for one in await bench.all("alliances")] == ["ours"]


async def test_progress_is_reported_every_hundred(bench: Bench) -> None:
    bench.demo.universe.alliances = 250

    await bench.run("alliance_bulk_import", batch_size=30)

    assert [(done, total) for done, total, _ in bench.told.progress] == [(100, 250), (200, 250), (250, 250)]
    assert any("100 of 250 alliances" in line for line in bench.told.lines)


async def test_the_delay_between_requests_is_kept(bench: Bench) -> None:
    bench.demo.universe.alliances = 5
    began = time.monotonic()

    await bench.run("alliance_bulk_import", delay_between_requests="100ms")

    assert time.monotonic() - began >= 0.5


async def test_an_alliance_of_another_shape_fails_alone(bench: Bench) -> None:
    bench.faults.add("/alliances/*", kind="garbage", times=1)

    result = await bench.run("alliance_bulk_import")

    assert result.success
    assert (result.detail["created"], result.detail["failed"]) == (19, 1)
    assert any("was not understood" in line for line in bench.told.lines)
