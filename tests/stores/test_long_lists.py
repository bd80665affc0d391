"""Lists of a thousand entries and more, which are read and counted otherwise than short ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pymongo import DESCENDING

from falcon_scheduler.adapters.mongo.client import EXECUTIONS, Database, is_embedded
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.indexes import REPLACED, ensure_indexes
from falcon_scheduler.adapters.mongo.newest import LONG
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.ports import ExecutionFilter, Page, PageRequest, Position
from tests.stores.conftest import SERVERS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MANY = LONG + 150


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Database:
    """A database on each server in turn."""
    database: Database = request.getfixturevalue(SERVERS[request.param])
    return database


@pytest_asyncio.fixture(scope="module")
async def database(server: Database) -> AsyncIterator[Database]:
    """A thousand executions and some, a minute apart, but for every fourth, which began together with another."""
    own = server.client["long_lists"]
    await ensure_indexes(own)
    rows = [row(number) for number in range(MANY)]
    for start in range(0, MANY, 200):
        await own[EXECUTIONS].insert_many(rows[start : start + 200])
    yield own
    if not await is_embedded(own):  # that one goes with its home, and may take half a minute to drop a database
        await server.client.drop_database(own.name)


def row(number: int) -> dict[str, Any]:
    return {
        "_id": f"{number:05}",
        "task_id": f"task-{number % 3}",
        "status": "failed" if number % 10 == 0 else "completed",
        "started_at": NOON - timedelta(minutes=number if number % 4 else max(number - 1, 0)),
    }


def expected(**fields: str) -> list[str]:
    rows = [each for each in map(row, range(MANY)) if fields.items() <= each.items()]
    return [each["_id"] for each in sorted(rows, key=lambda each: (NOON - each["started_at"], each["_id"]))]


def ids(page: Page[Any]) -> list[str]:
    return [item.id for item in page.items]


@pytest.mark.parametrize("number", [1, 2, 30, 57, 58, 59])
async def test_every_page_of_a_long_list_is_as_if_all_were_sorted(database: Database, number: int) -> None:
    store = MongoExecutionStore(database)
    for _ in range(2):  # the second time it knows where the page ended
        page = await store.list(ExecutionFilter(), PageRequest(page=number, size=20))
        assert ids(page) == expected()[(number - 1) * 20 : number * 20]
        assert page.total == MANY


async def test_a_long_list_is_read_on_to_its_end(database: Database) -> None:
    store, size = MongoExecutionStore(database), PageRequest(size=450, brief=True)
    page = await store.list(ExecutionFilter(), size)
    found = ids(page)
    while page.following is not None:
        page = await store.list(ExecutionFilter(), size, page.following)
        found += ids(page)
        assert page.total == MANY
    assert found == expected()


async def test_entries_without_an_instant_are_at_the_end_of_the_list(database: Database) -> None:
    store, size = MongoExecutionStore(database), PageRequest(size=3)
    undated = ["no-1", "no-2", "no-3"]
    await database[EXECUTIONS].insert_many([{**row(0), "_id": each, "started_at": None} for each in undated])
    try:
        last = expected()[-2]
        page = await store.list(ExecutionFilter(), size, (row(int(last))["started_at"], last))
        assert page.following is not None
        rest = await store.list(ExecutionFilter(), size, page.following)
    finally:
        await database[EXECUTIONS].delete_many({"_id": {"$in": undated}})
    assert [*ids(page), *ids(rest)] == [expected()[-1], *undated]
    assert rest.following is None


async def test_filters_narrow_a_long_list(database: Database) -> None:
    store = MongoExecutionStore(database)
    completed = ExecutionFilter(statuses=(ExecutionStatus.COMPLETED,))
    page = await store.list(completed, PageRequest(page=3, size=50))
    assert ids(page) == expected(status="completed")[100:150]
    assert page.total == len(expected(status="completed"))

    of_a_task = ExecutionFilter(task_id="task-1", statuses=(ExecutionStatus.FAILED,))
    page = await store.list(of_a_task, PageRequest(size=100))
    assert ids(page) == expected(task_id="task-1", status="failed")


async def test_times_bound_a_long_list(database: Database) -> None:
    store = MongoExecutionStore(database)
    until, since = NOON - timedelta(minutes=40), NOON - timedelta(minutes=1100)
    page = await store.list(ExecutionFilter(since=since, until=until), PageRequest(page=2, size=10))
    inside = [each for each in expected() if since <= row(int(each))["started_at"] < until]
    assert ids(page) == inside[10:20]
    assert page.total == len(inside) >= LONG


@pytest.mark.parametrize(
    "wanted",
    [ExecutionFilter(), ExecutionFilter(task_id="task-1"), ExecutionFilter(statuses=(ExecutionStatus.COMPLETED,))],
    ids=["all", "of a task", "completed"],
)
async def test_mongodb_reads_no_more_than_a_page_has_however_deep_it_is(
    database: Database, wanted: ExecutionFilter
) -> None:
    if await is_embedded(database):
        return  # it has no such indexes
    store = MongoExecutionStore(database)
    page = PageRequest(page=15, size=20)
    following = (await store.list(wanted, page)).following  # counts, too
    _, documents = await looked_at(database, store, wanted, page, None)
    assert documents == page.size
    keys, documents = await looked_at(database, store, wanted, PageRequest(size=20), following)
    assert documents == page.size + 1, "the next page has an entry"
    assert keys < 2 * page.size, "those that precede the position are not read"


async def looked_at(
    database: Database,
    store: MongoExecutionStore,
    wanted: ExecutionFilter,
    page: PageRequest,
    after: Position | None,
) -> tuple[int, int]:
    """The index keys and documents that MongoDB looks at to find a full page."""
    await database.command("profile", 2)
    try:
        assert len((await store.list(wanted, page, after)).items) == page.size
    finally:
        await database.command("profile", 0)
    read = await database["system.profile"].find({"ns": f"{database.name}.{EXECUTIONS}", "op": "query"}).to_list()
    await database.drop_collection("system.profile")
    return sum(each["keysExamined"] for each in read), sum(each["docsExamined"] for each in read)


async def test_an_index_of_an_earlier_version_is_replaced_on_mongodb(database: Database) -> None:
    if await is_embedded(database):
        return  # it keeps those that it has
    await database[EXECUTIONS].create_index([("started_at", DESCENDING)])
    await ensure_indexes(database)
    names = {*await database[EXECUTIONS].index_information()}
    assert "started_at_-1__id_1_status_1" in names
    assert not names & REPLACED[EXECUTIONS]


async def test_new_entries_show_at_once_on_a_page_that_was_read_before(database: Database) -> None:
    store = MongoExecutionStore(database)
    first = PageRequest(size=5)
    await store.list(ExecutionFilter(), first)
    await database[EXECUTIONS].insert_one({**row(0), "_id": "newest", "started_at": NOON + timedelta(seconds=1)})
    try:
        assert ids(await store.list(ExecutionFilter(), first)) == ["newest", *expected()[:4]]
    finally:
        await database[EXECUTIONS].delete_one({"_id": "newest"})
    assert ids(await store.list(ExecutionFilter(), first)) == expected()[:5]
