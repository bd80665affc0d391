"""With any value in a document, its task or execution is read, shown, and written back without loss."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from hypothesis import example, given, settings

from falcon_scheduler.adapters.mongo import execution_documents
from falcon_scheduler.adapters.mongo.fields import update_of
from falcon_scheduler.adapters.mongo.task_documents import stored_fields, to_document
from falcon_scheduler.adapters.mongo.task_reading import from_document
from falcon_scheduler.adapters.prefect.deployment_body import deployment_body, fingerprint_of
from falcon_scheduler.api_facade.mapping.executions import execution_response
from falcon_scheduler.api_facade.mapping.tasks import task_response
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.task import Task, TaskStatus
from falcon_scheduler.core.services.tasks.fire_times import next_run
from tests.go_falcon import any_document
from tests.go_falcon.recorded import documents

READER = Principal(user_id="reader", character_id=1)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
AS_STORED = CodecOptions[dict[str, Any]](
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the driver returns it."""
    return bson.decode(bson.encode(document), AS_STORED)


@settings(max_examples=200)
@given(any_document.tasks, any_document.ids)
@example({"name": 5, "config": [1], "metadata": 7, "scheduler": "x", "schedule": "0 0 * * *"}, 7)
@example({"metadata": {"average_runtime": 2**63 - 1, "success_count": 2**63 - 1}}, "overflow")
@example({"scheduler": {"today": {"day": "yesterday"}, "deployed": {"id": "x", "other": 1}}}, "bookkeeping")
def test_any_task_document_is_read_shown_and_deployed(document: dict[str, Any], task_id: Any) -> None:
    task = from_document(stored({"_id": task_id, **document}))
    shown = task_response(task, next_run(task, NOW), READER)
    json.dumps(shown.model_dump(mode="json", by_alias=True), allow_nan=False)
    body = deployment_body(task, "flow", NOW)
    json.dumps(body, allow_nan=False)
    fingerprint_of(body)
    if task.impediments:
        assert not task.fires
        assert next_run(task, NOW) is None
        assert task.status in {TaskStatus.FAILED, TaskStatus.DISABLED, TaskStatus.PAUSED, TaskStatus.RUNNING}


@settings(max_examples=200)
@given(any_document.tasks)
def test_a_write_keeps_what_could_not_be_read(document: dict[str, Any]) -> None:
    """Only what the caller changes, and our own bookkeeping, differ afterwards."""
    before = stored({"_id": "task", **document})
    present = from_document(before)
    wanted = replace(present, paused=not present.paused)
    update = update_of(stored_fields(present, wanted))
    after = stored(
        {**{name: value for name, value in before.items() if name not in update.get("$unset", {})}, **update["$set"]}
    )
    for field in present.unread:
        outer, _, inner = field.partition(".")
        if outer in to_document(present) and "." not in inner and outer != "status":
            kept = after.get(outer) if not inner else after.get(outer, {}).get(inner)
            was = before.get(outer) if not inner else before.get(outer, {}).get(inner)
            assert bson.encode({"": kept}) == bson.encode({"": was}), field
    assert from_document({**after, "_id": "task"}).definition == present.definition


@settings(max_examples=200)
@given(any_document.executions, any_document.ids)
@example({"status": "lost", "metadata": "none", "output": ["a"], "retry_count": "twice"}, 3)
def test_any_execution_document_is_read_and_shown(document: dict[str, Any], execution_id: Any) -> None:
    execution = execution_documents.from_document(stored({"_id": execution_id, **document}))
    shown = execution_response(execution, READER)
    json.dumps(shown.model_dump(mode="json", by_alias=True), allow_nan=False)
    bson.encode(
        {name: value for name, value in execution_documents.to_document(execution).items() if value is not None}
    )


@pytest.mark.parametrize(
    ("task_id", "impediment"),
    [
        ("00000005-1111-4222-8333-444444444444", "schedule: second field '61': "),
        ("00000008-1111-4222-8333-444444444444", "schedule: "),
        ("00000007-1111-4222-8333-444444444444", "type: "),
        ("00000001-1111-4222-8333-444444444444", ""),
        ("000000011-1111-4222-8333-444444444444", ""),
    ],
)
def test_a_task_of_go_falcon_gives_the_reason_it_can_not_run(task_id: str, impediment: str) -> None:
    task = task_of(task_id)
    assert (task.impediments[0] if task.impediments else "").startswith(impediment)
    assert bool(task.impediments) == bool(impediment)


def test_a_change_of_the_field_that_prevents_it_lets_the_task_fire_again() -> None:
    task = task_of("00000008-1111-4222-8333-444444444444")
    assert not task.fires
    mended = task.redefined(replace(task.definition, schedule="0 */5 * * * *"), "me", NOW)
    assert mended.fires
    broken = from_document({"_id": "x", "type": "http", "schedule": "0 0 3 * * *", "config": 5})
    assert [each.partition(":")[0] for each in broken.impediments] == ["config"]
    assert broken.redefined(replace(broken.definition, config={"url": "http://x"}), "me", NOW).fires


def test_whole_doubles_are_integers_in_config_and_parameters() -> None:
    assert task_of("00000001-1111-4222-8333-444444444444").definition.config["expected_code"] == 200
    function = task_of("00000002-1111-4222-8333-444444444444").definition.config["parameters"]
    assert isinstance(function["batch_size"], int)
    assert task_of("00000003-1111-4222-8333-444444444444").definition.config["parameters"] == {"x": 1.5}


def task_of(task_id: str) -> Task:
    return from_document(next(each for each in documents("scheduler_tasks") if each["_id"] == task_id))
