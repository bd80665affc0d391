"""Status, counters and switches of a task: pure rules, whatever the order of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.record import COUNTED_WINDOW
from falcon_scheduler.core.domain.task import Source, Task, TaskStatus
from falcon_scheduler.core.domain.task_definition import TaskDefinition

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_task(**fields: object) -> Task:
    task = Task(
        id="t",
        definition=TaskDefinition(name="A", type="http", schedule="0 0 * * * *"),
        source=Source.API,
        created_at=NOON,
        updated_at=NOON,
        created_by="somebody",
        updated_by="somebody",
    )
    return replace(task, **fields)  # type: ignore[arg-type]


def ended(number: int, *, succeeded: bool = True, seconds: int = 2, at: datetime = NOON) -> Execution:
    execution = Execution(
        id=f"e{number}",
        task_id="t",
        status=ExecutionStatus.RUNNING,
        started_at=at + timedelta(minutes=number),
        trigger=Trigger.SCHEDULE,
    )
    status = ExecutionStatus.COMPLETED if succeeded else ExecutionStatus.FAILED
    return execution.ended(status, execution.started_at + timedelta(seconds=seconds), error="" if succeeded else "no")


def test_a_new_task_is_pending_and_follows_its_runs() -> None:
    task = a_task()
    assert task.status is TaskStatus.PENDING
    task = task.started("e1", NOON, 1)
    assert task.status is TaskStatus.RUNNING
    task = task.finished(ended(1, succeeded=False))
    assert task.status is TaskStatus.FAILED
    assert task.record.last_error == "no"
    task = task.finished(ended(2))
    assert task.status is TaskStatus.COMPLETED
    assert task.record.last_error == ""


def test_finishing_a_run_never_undoes_a_pause() -> None:
    task = a_task().started("e1", NOON, 1).with_paused(True, "me", NOON)
    assert task.status is TaskStatus.PAUSED
    assert task.finished(ended(1)).status is TaskStatus.PAUSED


def test_disabled_has_precedence_over_paused_over_running() -> None:
    task = a_task().started("e1", NOON, 1).with_paused(True, "me", NOON).with_enabled(False, "me", NOON)
    assert task.status is TaskStatus.DISABLED
    assert not task.fires
    assert task.with_enabled(True, "me", NOON).status is TaskStatus.PAUSED


def test_saying_the_same_twice_changes_nothing() -> None:
    task = a_task().with_paused(True, "me", NOON)
    assert task.with_paused(True, "you", NOON + timedelta(days=1)) is task
    assert task.with_enabled(True, "you", NOON + timedelta(days=1)) is task
    assert task.redefined(task.definition, "you", NOON) is task


def test_the_version_grows_with_the_definition_and_with_nothing_else() -> None:
    task = a_task()
    other = task.redefined(replace(task.definition, schedule="0 0 0 * * *"), "me", NOON)
    assert other.version == task.version + 1
    assert other.started("e1", NOON, 1).finished(ended(1)).with_paused(True, "me", NOON).version == other.version


def test_runs_do_not_touch_updated_at() -> None:
    later = NOON + timedelta(days=3)
    assert a_task().started("e1", later, 1).finished(ended(1, at=later)).updated_at == NOON


def test_the_last_run_is_the_one_that_started_last_whichever_is_reported_last() -> None:
    task = a_task().finished(ended(2)).finished(ended(1, succeeded=False))
    assert task.status is TaskStatus.COMPLETED
    assert task.record.last_run == ended(2).started_at
    assert task.record.total_runs == 2


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=60))
def test_counters_count_every_end_once_however_often_and_in_whatever_order_it_is_reported(
    told: list[tuple[int, bool]],
) -> None:
    task = a_task()
    outcomes: dict[int, bool] = {}
    for number, succeeded in told:
        outcomes.setdefault(number, succeeded)
        task = task.started(f"e{number}", NOON, number)
        task = task.finished(ended(number, succeeded=outcomes[number]))
    assert task.record.success_count == sum(outcomes.values())
    assert task.record.failure_count == len(outcomes) - sum(outcomes.values())
    assert task.record.runtime_total == timedelta(seconds=2) * len(outcomes)


def test_the_memory_of_what_was_counted_is_bounded() -> None:
    task = a_task()
    for number in range(3 * COUNTED_WINDOW):
        task = task.finished(ended(number))
    assert len(task.record.counted) == COUNTED_WINDOW
    assert task.record.success_count == 3 * COUNTED_WINDOW


def test_skips_are_counted_apart_and_once() -> None:
    task = a_task().skipped("e9", NOON).skipped("e9", NOON)
    assert (task.record.skipped_count, task.record.total_runs) == (1, 0)
    assert task.record.last_skipped == NOON
    assert task.status is TaskStatus.PENDING


def test_a_skip_that_the_engine_took_for_a_crash_counts_as_the_failure_that_the_history_shows() -> None:
    task = a_task().skipped("e9", NOON).finished(ended(9, succeeded=False)).finished(ended(9, succeeded=False))
    assert (task.record.skipped_count, task.record.failure_count) == (0, 1)
    assert task.skipped("e9", NOON) == task


def test_today_counts_the_day_on_which_runs_end() -> None:
    task = a_task().finished(ended(1)).finished(ended(2, succeeded=False))
    assert (task.record.today.completed, task.record.today.failed) == (1, 1)
    tomorrow = task.finished(ended(3, at=NOON + timedelta(days=1)))
    assert (tomorrow.record.today.completed, tomorrow.record.today.failed) == (1, 0)
    assert tomorrow.finished(ended(4)).record.today == tomorrow.record.today
