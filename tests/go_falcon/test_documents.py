"""The recorded database of go-falcon: what its driver reads before the takeover, and after the way back."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from bson import Int64
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.adapters.clock import SystemClock
from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.mongo.audit import MongoAuditStore
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.go_falcon.database import GoFalconDatabase, MongoTakeoverRecord
from falcon_scheduler.adapters.mongo.go_falcon.findings import Finding, Level
from falcon_scheduler.adapters.mongo.go_falcon.migration import GoFalconMigration
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.skip import Skip
from falcon_scheduler.core.domain.takeover import LEFTOVER_ERROR
from falcon_scheduler.core.domain.task import Source, TaskStatus
from falcon_scheduler.core.services.alerts.other_scheduler import OtherSchedulerWatch
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.seeding import RETIRED_REASON, Seeding
from falcon_scheduler.core.services.tasks.takeover import TakeoverService
from falcon_scheduler.eve.plugin import takeover_findings
from tests.go_falcon.differences import FOREIGN_SYSTEM_TASKS, LEFTOVERS, difference, meant
from tests.go_falcon.recorded import as_go_reads, documents, go_execution, go_task
from tests.system_tasks import SYSTEM_TASKS

Database = AsyncDatabase[dict[str, Any]]
OPERATOR = Principal(user_id="operator", character_id=1, is_super_admin=True)


@pytest_asyncio.fixture
async def database(mongo_database: Database) -> AsyncIterator[Database]:
    """A copy of the recorded database."""
    own = mongo_database.client[f"test_{uuid.uuid4().hex[:12]}"]
    for collection in ("scheduler_tasks", "scheduler_executions"):
        await own[collection].insert_many([dict(each) for each in documents(collection)])
    yield own  # dropping it takes the embedded server seconds, and the server's folder is thrown away anyway


@pytest.fixture
def tasks(database: Database) -> MongoTaskStore:
    return MongoTaskStore(database)


async def take_over(database: Database, grace: timedelta = timedelta(days=7)) -> None:
    """What the first start of a facade does to the documents."""
    clock, store = SystemClock(), MongoTaskStore(database)
    audit = Auditing(entries=MongoAuditStore(database), clock=clock)
    await ensure_indexes(database)
    service = TakeoverService(
        tasks=store,
        foreign=GoFalconDatabase(database),
        record=MongoTakeoverRecord(database),
        clock=clock,
        audit=audit,
        grace=grace,
    )
    await service.take_over(OPERATOR)
    await Seeding(tasks=store, clock=clock, audit=audit).seed(SYSTEM_TASKS)


async def test_the_recorded_documents_read_as_go_falcon_reads_them() -> None:
    """The measure itself: our picture of its decoder gives what its own code gave."""
    for document in documents("scheduler_tasks"):
        assert go_task(document) == as_go_reads("scheduler_tasks")[document["_id"]]
    for document in documents("scheduler_executions"):
        assert go_execution(document) == as_go_reads("scheduler_executions")[document["_id"]]


async def test_a_takeover_removes_no_task_and_no_execution(database: Database) -> None:
    await take_over(database)
    for collection in ("scheduler_tasks", "scheduler_executions"):
        kept = {each["_id"] for each in await database[collection].find({}, {"_id": 1}).to_list()}
        assert {each["_id"] for each in documents(collection)} <= kept


async def test_system_tasks_of_go_falcon_alone_stay_disabled_with_the_reason(
    database: Database, tasks: MongoTaskStore
) -> None:
    await take_over(database)
    for task_id in FOREIGN_SYSTEM_TASKS:
        task = await tasks.get(task_id)
        assert (task.status, task.source) == (TaskStatus.DISABLED, Source.RETIRED)
        assert task.record.last_error == RETIRED_REASON
        assert not task.is_system, "the API lets an operator delete it"
    assert len(FOREIGN_SYSTEM_TASKS) == 7


async def test_the_known_system_tasks_are_brought_up_to_date_with_an_entry_in_the_audit(
    database: Database, tasks: MongoTaskStore
) -> None:
    await take_over(database)
    refresh = await tasks.get("system-token-refresh")
    assert refresh.definition == replace(SYSTEM_TASKS["system-token-refresh"], enabled=True)
    assert refresh.record.success_count == 4179, "counters stay"
    entry = await database["scheduler_audit"].find_one({"task_id": "system-token-refresh"})
    assert entry is not None
    assert entry["before"]["tags"] == ["system", "auth", "tokens"]
    assert entry["after"]["tags"] == ["system", "auth", "eve"]


async def test_a_task_that_a_client_marked_as_a_system_task_is_an_ordinary_one(
    database: Database, tasks: MongoTaskStore
) -> None:
    await take_over(database)
    task = await tasks.get("00000006-1111-4222-8333-444444444444")
    assert task.source is Source.API


async def test_unfinished_executions_end_uncounted_and_without_a_duration(
    database: Database, tasks: MongoTaskStore
) -> None:
    before = {each["_id"]: each["metadata"]["failure_count"] for each in documents("scheduler_tasks")}
    await take_over(database)
    for execution_id in LEFTOVERS:
        execution = await MongoExecutionStore(database).get(execution_id)
        assert (str(execution.status), execution.error) == ("failed", LEFTOVER_ERROR)
        assert execution.duration == timedelta()
        assert execution.completed_at == execution.started_at
        assert (await tasks.get(execution.task_id)).record.failure_count == before[execution.task_id]
    assert len(LEFTOVERS) == 2


async def test_executions_of_today_count_in_the_numbers_of_today(database: Database, tasks: MongoTaskStore) -> None:
    now = datetime.now(UTC)
    ended = {"started_at": now, "completed_at": now, "metadata": {}, "worker_id": "worker-1", "retry_count": 0}
    await database["scheduler_executions"].insert_many(
        [
            {
                "_id": "one",
                "task_id": "system-health-check",
                "status": "completed",
                "duration": Int64(10**9),
                **ended,
            },
            {
                "_id": "two",
                "task_id": "system-health-check",
                "status": "failed",
                "duration": Int64(3 * 10**9),
                **ended,
            },
        ]
    )
    await take_over(database)
    counts = await tasks.counts(now.date())
    assert (counts.completed, counts.failed, counts.runtime_total) == (1, 1, timedelta(seconds=4))
    await take_over(database)
    assert (await tasks.counts(now.date())).completed == 1, "a second start counts nothing twice"


async def test_a_stored_duration_is_shown_as_it_was_stored(database: Database) -> None:
    """go-falcon's `started_at` is when the execution was asked for; its duration is that of the work."""
    await take_over(database)
    execution = await MongoExecutionStore(database).get("00000479-aaaa-4bbb-8ccc-dddddddddddd")
    assert execution.duration == timedelta(microseconds=26976850)
    assert execution.completed_at is not None
    assert execution.completed_at - execution.started_at == timedelta(seconds=28.57)


async def test_old_history_is_spared_for_a_while_after_the_takeover(database: Database) -> None:
    await take_over(database)
    store = MongoExecutionStore(database)
    everything = datetime.now(UTC) + timedelta(days=1)
    spared = await store.ended_before(everything, keep=(), limit=1000, spare_foreign=True)
    assert not spared
    assert sum(map(len, (await store.ended_before(everything, keep=(), limit=1000)).values())) == 69


async def test_the_way_back_gives_documents_that_go_falcon_reads_as_before(
    database: Database, tasks: MongoTaskStore
) -> None:
    """All that differs is listed here, and meant."""
    await take_over(database)
    for task_id in [each["_id"] for each in documents("scheduler_tasks")]:
        await tasks.change(task_id, lambda task: replace(task, version=task.version + 1))
    now = datetime.now(UTC)
    ours = Execution(
        id="ours", task_id="task", status=ExecutionStatus.PENDING, started_at=now, trigger=Trigger.MANUAL
    )
    await MongoExecutionStore(database).finish(ours.skipped(Skip.still_running("another"), now))
    returned = await GoFalconMigration(database).back()
    assert not returned.missed
    assert "1 skipped executions are removed" in dict(returned.notes)["scheduler_executions"]
    assert await database["scheduler_executions"].find_one({"_id": "ours"}) is None
    for document in await database["scheduler_executions"].find({}).to_list():
        read, before = go_execution(document), as_go_reads("scheduler_executions")[document["_id"]]
        if document["_id"] in LEFTOVERS:
            before |= {"status": "failed", "error": LEFTOVER_ERROR, "completed_at": before["started_at"]}
        assert read == before
    for document in await database["scheduler_tasks"].find({}).to_list():
        assert difference(document) <= meant(document), document["_id"]


async def test_the_way_back_may_be_interrupted_and_repeated(database: Database) -> None:
    await take_over(database)
    migration = GoFalconMigration(database)
    await migration.back()
    before = await database["scheduler_tasks"].find({}).sort("_id").to_list()
    again = await migration.back()
    assert (again.tasks, again.executions) == (0, 0)
    assert await database["scheduler_tasks"].find({}).sort("_id").to_list() == before


async def test_the_check_names_what_changes_and_what_must_be_repaired(database: Database) -> None:
    findings = await check(database)
    repair = {(each.document.rpartition("/")[2][:8], each.message[:9]) for each in findings if each.level == "repair"}
    assert {("00000005", "schedule:"), ("00000008", "schedule:")} <= repair
    changed = {each.document.rpartition("/")[2] for each in findings if each.level is Level.CHANGE}
    assert {*FOREIGN_SYSTEM_TASKS, *LEFTOVERS, *SYSTEM_TASKS} <= changed | set(SYSTEM_TASKS)
    assert not await database["scheduler_marks"].find_one({}), "a check writes nothing"


async def test_the_check_names_a_token_refresher_that_is_at_work(database: Database) -> None:
    now = datetime.now(UTC)
    login = {"valid": True, "character_id": 90_000_001, "refresh_token": "x", "updated_at": now}
    await database["user_profiles"].insert_one({**login, "token_expiry": now + timedelta(minutes=20)})
    notes = [each.message for each in await check_logins(database)]
    assert len(notes) == 1
    assert "the tokens of 1 EVE logins" in notes[0]
    assert "go-falcon's auth module" in notes[0]


async def test_a_repair_gives_five_fields_their_second_and_shared_names_back(database: Database) -> None:
    await share_a_name(database)
    migration = GoFalconMigration(database)
    repaired = [each for each in await check(database) if await migration.repair(each)]
    assert len(repaired) == 3
    assert (await GoFalconDatabase(database).counts()).tasks == 27, "they are go-falcon's still, and are taken over"
    task = await database["scheduler_tasks"].find_one({"_id": "00000008-1111-4222-8333-444444444444"})
    assert task is not None
    assert task["schedule"] == "0 */5 * * * *"
    names = [each["name"] for each in await database["scheduler_tasks"].find({}, {"name": 1}).to_list()]
    assert len(set(names)) == len(names)


async def test_tasks_that_share_a_name_stop_no_start(database: Database, tasks: MongoTaskStore) -> None:
    await share_a_name(database)
    await take_over(database)
    assert (await tasks.get("00000003-1111-4222-8333-444444444444")).definition.name == "u2 function"
    assert (await tasks.get("system-token-refresh")).revision is not None


async def share_a_name(database: Database) -> None:
    task_id = "00000003-1111-4222-8333-444444444444"
    await database["scheduler_tasks"].update_one({"_id": task_id}, {"$set": {"name": "u2 function"}})


async def check(database: Database) -> list[Finding]:
    migration = GoFalconMigration(database)
    return [each async for each in migration.check(SYSTEM_TASKS, lambda kind, config: (), datetime.now(UTC))]


async def check_logins(database: Database) -> list[Finding]:
    world = World(settings=Settings.load(), database=database, redis=None, clock=SystemClock())
    return [each async for each in takeover_findings(world)]


async def test_a_go_falcon_that_is_still_at_work_is_alerted_on_until_it_stops(database: Database) -> None:
    await take_over(database)
    clock, store = SystemClock(), MongoAlertStore(database)
    alerts = ServiceAlerts(alerts=store, clock=clock, channels=())
    takeovers = MongoTakeoverRecord(database)
    watch = OtherSchedulerWatch(foreign=GoFalconDatabase(database), takeovers=takeovers, alerts=alerts, clock=clock)
    await watch.look()
    assert not await alerts.opened(), "what it wrote before the takeover is no sign of life"

    execution = {"_id": "new", "task_id": "system-health-check", "status": "running", "metadata": {}}
    await database["scheduler_executions"].insert_one({**execution, "started_at": clock.now() + timedelta(minutes=1)})
    await watch.look()
    (alert,) = await alerts.opened()
    assert alert.kind is AlertKind.OTHER_SCHEDULER
    assert "go-falcon" in alert.text

    await database["scheduler_executions"].delete_one({"_id": "new"})
    await watch.look()
    assert not await alerts.opened()
