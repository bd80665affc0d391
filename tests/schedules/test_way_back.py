"""Schedules that go back to go-falcon: in its own form, or named."""

from __future__ import annotations

import pytest

from falcon_scheduler.adapters.mongo.go_falcon.way_back import notes_on, task_for_go


def document(schedule: str, zone: str = "UTC", **metadata: str) -> dict[str, object]:
    return {"_id": "a", "type": "http", "schedule": schedule, "metadata": {"timezone": zone, **metadata}}


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("0 0 3 * * SUN", "UTC", "0 0 3 * * SUN"),
        ("0 1,,2 *-5 * * *", "UTC", "0 1,,2 *-5 * * *"),
        ("0 0 3 * * 7", "Europe/Berlin", "CRON_TZ=Europe/Berlin 0 0 3 * * 0"),
        ("TZ=Asia/Tokyo 0 0 22-2 * * fri-mon", "UTC", "CRON_TZ=Asia/Tokyo 0 0 0-2,22-23 * * 0-1,5-6"),
        ("@hourly", "Europe/Berlin", "CRON_TZ=Europe/Berlin @hourly"),
        ("@every 5m", "Europe/Berlin", "@every 5m"),
        ("0 0 H(3-3) * * *", "UTC", "0 0 3 * * *"),
    ],
)
def test_a_schedule_that_go_falcon_reads_is_written_as_it_reads_it(schedule: str, zone: str, expected: str) -> None:
    assert task_for_go(document(schedule, zone))["schedule"] == expected
    assert not [note for note in notes_on(document(schedule, zone)) if "go-falcon does not" in note]


@pytest.mark.parametrize(
    ("schedule", "named"),
    [
        ("0 0 0 L,15W * 5L", "does not know L, 15W, 5L"),
        ("@daily; @hourly", "holds several"),
        ("@every 90m from 06:00", "'@every 1h30m0s from 06:00:00'"),
        ("@every 2w from 2026-01-05T09:00", "does not know"),
        ("@at 2099-01-01T00:00:00Z", "does not know"),
        ("0 H * * * *", "are written as numbers"),
    ],
)
def test_a_schedule_that_go_falcon_can_not_read_is_named(schedule: str, named: str) -> None:
    [note] = [each for each in notes_on(document(schedule)) if each.startswith("schedule: ")]
    assert named in note


def test_what_becomes_of_a_task_is_named_as_lost() -> None:
    notes = [*notes_on(document("@at 2099-01-01T00:00:00Z", after="delete"))]
    assert any(note.startswith("metadata.after: delete is lost") for note in notes)
    assert "after" not in task_for_go(document("@daily", after="keep"))["metadata"]


def test_limits_of_a_schedule_are_named_as_lost() -> None:
    notes = [*notes_on(document("@daily", start_within="5m0s", max_runs="3"))]
    assert [note.partition(": lost")[0] for note in notes] == ["metadata.max_runs", "metadata.start_within"]
    assert "max_runs" not in task_for_go(document("@daily", max_runs="3"))["metadata"]
