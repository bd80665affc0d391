"""Executions that earlier versions and go-falcon stored have no outcome; it is derived when they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest
from tests.stores.samples import NOON

OLD = {
    "done": ("completed", "", ExecutionOutcome.COMPLETED),
    "broken": ("failed", "expected status 200, got 503", ExecutionOutcome.FAILED),
    "late": ("failed", "Task timed out after 5m0s", ExecutionOutcome.TIMED_OUT),
    "stopped": ("failed", "Task execution was cancelled", ExecutionOutcome.CANCELLED),
    "killed": ("failed", "Crashed: exit code 137", ExecutionOutcome.CRASHED),
    "silent": ("failed", "The process of the run died without a word", ExecutionOutcome.CRASHED),
    "waiting": ("pending", "", None),
}


def document(number: int, id: str, status: str, error: str) -> dict[str, Any]:
    started_at = NOON + timedelta(minutes=number)
    return {"_id": id, "task_id": "task", "status": status, "error": error, "started_at": started_at}


async def test_old_documents_have_the_outcome_that_their_status_and_error_imply(database: Database) -> None:
    rows = [document(number, id, *OLD[id][:2]) for number, id in enumerate(OLD)]
    await database["scheduler_executions"].insert_many(rows)
    store = MongoExecutionStore(database)
    for id, (status, _, outcome) in OLD.items():
        read = await store.get(id)
        assert (read.status, read.outcome) == (ExecutionStatus(status), outcome)
    for outcome in ExecutionOutcome:
        page = await store.list(ExecutionFilter(outcomes=(outcome,)), PageRequest())
        assert {each.id for each in page.items} == {id for id, row in OLD.items() if row[2] is outcome}
        assert page.total == len(page.items)
    unwanted = {ExecutionOutcome.FAILED, ExecutionOutcome.SKIPPED}
    wanted = tuple(each for each in ExecutionOutcome if each not in unwanted)
    page = await store.list(ExecutionFilter(outcomes=wanted), PageRequest())
    assert [each.id for each in page.items] == ["silent", "killed", "stopped", "late", "done"]


async def test_a_stored_outcome_decides_and_a_nonsensical_one_does_not(database: Database) -> None:
    stored: list[Any] = ["failed", "completed", 7, "skipped"]
    rows = [document(n, f"e{n}", "failed", "Crashed: no") | {"outcome": each} for n, each in enumerate(stored)]
    await database["scheduler_executions"].insert_many(rows)
    read = await MongoExecutionStore(database).of_ids([row["_id"] for row in rows])
    assert read["e0"].outcome is ExecutionOutcome.FAILED
    assert {read[f"e{number}"].outcome for number in (1, 2, 3)} == {ExecutionOutcome.CRASHED}
