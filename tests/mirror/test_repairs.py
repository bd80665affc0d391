"""What the mirror, the rescuer, the reload and retention repair, each shown on real servers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import prefect
import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.events import Event, Resource
from prefect.states import Cancelled, Completed, Failed, Pending, Running

from falcon_scheduler.adapters.prefect.feed import change_of
from falcon_scheduler.adapters.prefect.names import DEPLOYMENT_GONE_MESSAGE, LIMIT_MESSAGE, SKIPPED
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import join
from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.alert_rules import AlertPolicy, judge
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import DIED_ERROR, STALE_ERROR, ExecutionOutcome
from falcon_scheduler.core.domain.run import RunPhase
from falcon_scheduler.core.domain.skip import Skip, SkipReason
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.ports import Change, ChangeKind
from tests.conftest import NEVER, Scheduler, function, wait_until

KNOWN_CANCELLATIONS = {
    "runner/_state_proposer.py": 1,
    "runner/runner.py": 3,
    "server/orchestration/core_policy.py": 5,
    "server/services/cancellation_cleanup.py": 3,
    "workers/base.py": 7,
}
"""Files of Prefect in which Cancelled states are made, and in how many places. Source: prefect 3.8.8."""


async def flow_run_of(client: PrefectClient, task: Task) -> str:
    """A run in Pending: no worker takes it, the test alone leads it."""
    assert task.deployment_id is not None
    flow_run = await client.create_flow_run_from_deployment(UUID(task.deployment_id), state=Pending())
    return str(flow_run.id)


def at_work(task: Task, run_id: str) -> Execution:
    now = datetime.now(UTC).replace(microsecond=0)
    return Execution(
        id=run_id,
        task_id=task.id,
        status=ExecutionStatus.RUNNING,
        started_at=now,
        trigger=Trigger.MANUAL,
        heartbeat_at=now,
    )


async def test_a_run_that_prefects_own_limit_left_out_is_named_skipped_and_counted_as_such(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    run_id = await flow_run_of(client, task)
    await client.set_flow_run_state(UUID(run_id), Cancelled(message=LIMIT_MESSAGE), force=True)

    async def counted() -> bool:
        return (await scheduler.services.tasks.get(task.id)).record.skipped_count == 1

    async def named() -> bool:
        return (await client.read_flow_run(UUID(run_id))).state_name == SKIPPED

    await wait_until(counted, "the skip is counted")
    await wait_until(named, "Prefect calls it skipped")
    assert await scheduler.history(task) == []
    skipped = await scheduler.services.runs.get(run_id)
    assert (skipped.outcome, skipped.skip) == (ExecutionOutcome.SKIPPED, Skip.of_text(LIMIT_MESSAGE))
    assert skipped.skip is not None
    assert skipped.skip.reason is SkipReason.STILL_RUNNING


@pytest.mark.parametrize(
    "message",
    [
        "Deployment concurrency slot lost during provisioning - no slots available to continue execution",
        "Deployment 2f1c9a52-3a6f-4bb1-8a52-0f4a3c1d2e3f no longer exists, cancelled run.",
        DEPLOYMENT_GONE_MESSAGE,
    ],
)
async def test_a_run_that_prefect_cancels_by_itself_is_a_crash_that_counts_as_a_failure(
    scheduler: Scheduler, client: PrefectClient, message: str
) -> None:
    task = await scheduler.task()
    run_id = await flow_run_of(client, task)
    await client.set_flow_run_state(UUID(run_id), Cancelled(message=message), force=True)
    ended = await scheduler.ended(run_id)
    assert ended.error == f"Crashed: Prefect cancelled the run by itself: {message}"
    assert "user request" not in ended.output
    task = await scheduler.services.tasks.get(task.id)
    found = [each.kind for each in judge(task, [ended], AlertPolicy(failures_in_a_row=1)) if each.holds]
    assert AlertKind.FAILURES_IN_A_ROW in found


@pytest.mark.parametrize("message", [None, "Cancelled by Automation 7", "The parent flow run was cancelled."])
async def test_a_run_that_a_person_or_a_policy_cancels_reads_so(
    scheduler: Scheduler, client: PrefectClient, message: str | None
) -> None:
    task = await scheduler.task()
    run_id = await flow_run_of(client, task)
    await client.set_flow_run_state(UUID(run_id), Cancelled(message=message), force=True)
    assert (await scheduler.ended(run_id)).is_cancelled


def test_every_place_where_prefect_cancels_runs_is_known() -> None:
    """A new version of Prefect that cancels runs for another reason has to be read, see `CANCELLED_BY_ENGINE`."""
    root = Path(prefect.__file__).parent
    making = re.compile(r"(?<![\w.])(?:states\.)?Cancelled\((?!cls)|StateType\.CANCELLED\)|_as_cancelled\(\n")
    found = {
        str(file.relative_to(root)): len(making.findall(text))
        for part in ("server", "workers", "runner")
        for file in (root / part).rglob("*.py")
        if making.search(text := file.read_text())
    }
    assert found == KNOWN_CANCELLATIONS


async def test_prefect_gets_an_end_that_it_lacks_or_has_wrong(scheduler: Scheduler, client: PrefectClient) -> None:
    task = await scheduler.task()
    run_id = await flow_run_of(client, task)
    await client.set_flow_run_state(UUID(run_id), Running())
    ended = at_work(task, run_id).ended(ExecutionStatus.COMPLETED, datetime.now(UTC), output="all done")
    assert await scheduler.services.stores.counting.finish(ended)
    await client.set_flow_run_state(UUID(run_id), Failed(message="The worker believes that it crashed"))

    async def told() -> bool:
        run = await scheduler.services.engine.runs.find(run_id)
        return run is not None and run.phase is RunPhase.SUCCEEDED

    await wait_until(told, "Prefect tells the same")
    assert (await scheduler.services.stores.executions.get(run_id)).output == "all done"


@pytest.mark.slow
async def test_a_run_without_a_sign_of_life_is_buried_and_one_that_beats_is_not(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    executions = scheduler.services.stores.executions
    silent, beating = await scheduler.task(), await scheduler.task()
    ids = {}
    for task in (silent, beating):
        ids[task.id] = await flow_run_of(client, task)
        await client.set_flow_run_state(UUID(ids[task.id]), Running())
        await executions.begin(at_work(task, ids[task.id]))

    async def buried() -> bool:
        await executions.note(ids[beating.id], heartbeat_at=datetime.now(UTC))
        return (await executions.get(ids[silent.id])).status.is_terminal

    await wait_until(buried, "the silent one is buried")
    assert (await executions.get(ids[silent.id])).error == DIED_ERROR
    assert (await executions.get(ids[beating.id])).status is ExecutionStatus.RUNNING

    async def crashed() -> bool:
        return (await client.read_flow_run(UUID(ids[silent.id]))).state_name == "Crashed"

    await wait_until(crashed, "Prefect says that it crashed")
    await client.set_flow_run_state(UUID(ids[beating.id]), Completed())


@pytest.mark.slow
async def test_a_run_that_still_beats_long_after_its_timeouts_is_ended_as_stale(
    scheduler: Scheduler, client: PrefectClient, settings: Settings
) -> None:
    hasty = replace(settings, scheduler=settings.scheduler.model_copy(update={"stale_timeout": timedelta(seconds=5)}))
    facade = join(hasty, scheduler.services.stores, client)
    stuck = await scheduler.task(max_retries=0)
    short = replace(stuck.definition, timeout=timedelta(seconds=1))  # shorter than the API lets one say
    stuck = await scheduler.services.stores.tasks.change(
        stuck.id, lambda task: task.redefined(short, "the test", datetime.now(UTC))
    )
    allowed_longer = await scheduler.task(max_retries=0, timeout=timedelta(minutes=5))
    executions = scheduler.services.stores.executions
    ids = {}
    for task in (stuck, allowed_longer):
        ids[task.id] = await flow_run_of(client, task)
        await client.set_flow_run_state(UUID(ids[task.id]), Running())
        await executions.begin(at_work(task, ids[task.id]))

    async def ended() -> bool:
        for execution_id in ids.values():
            await executions.note(execution_id, heartbeat_at=datetime.now(UTC))
        await facade.mirror.rescuer.look()
        return (await executions.get(ids[stuck.id])).status.is_terminal

    await wait_until(ended, "the stuck one is ended")
    execution = await executions.get(ids[stuck.id])
    assert (execution.status, execution.error) == (ExecutionStatus.FAILED, STALE_ERROR)
    assert (await client.read_flow_run(UUID(ids[stuck.id]))).state_name == "Crashed"
    assert (await executions.get(ids[allowed_longer.id])).status is ExecutionStatus.RUNNING
    await client.set_flow_run_state(UUID(ids[allowed_longer.id]), Completed())


async def test_a_create_that_died_before_prefect_got_it_is_completed_by_a_reload(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    definition = TaskDefinition(
        name=f"half created {now.timestamp()}", type="function", schedule=NEVER, config=function("echo")
    )
    half = Task(
        id=f"half-{now.timestamp():.0f}",
        definition=definition,
        source=Source.API,
        created_at=now,
        updated_at=now,
        created_by="somebody",
        updated_by="somebody",
    )
    await scheduler.services.stores.tasks.insert(half)
    scheduler.made.append(half.id)
    await scheduler.services.reconcile.reload()
    task = await scheduler.services.tasks.get(half.id)
    assert task.deployment_id is not None
    assert (await client.read_deployment(UUID(task.deployment_id))).name == half.id


async def test_retention_empties_both_databases_and_the_counters_still_add_up(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task()
    old = datetime.now(UTC) - timedelta(days=400)
    ids = []
    for number in range(6):
        run_id = await flow_run_of(client, task)
        ended_at = old + timedelta(hours=number)
        await client.set_flow_run_state(UUID(run_id), Completed(), force=True)
        began = Execution(
            id=run_id, task_id=task.id, status=ExecutionStatus.RUNNING, started_at=ended_at, trigger=Trigger.MANUAL
        )
        await scheduler.services.stores.counting.finish(began.ended(ExecutionStatus.COMPLETED, ended_at))
        ids.append(run_id)
    interrupted = (await scheduler.services.stores.tasks.get(task.id)).with_removing((ids[0],))
    await scheduler.services.stores.tasks.change(task.id, lambda _: interrupted)  # as if killed before it deleted
    await scheduler.services.mirror.retention.clean(timedelta(days=365))
    record = (await scheduler.services.tasks.get(task.id)).record
    history = await scheduler.history(task)
    assert [each.id for each in history] == [ids[-1]]  # the last one always stays
    assert record.total_runs == 6
    assert record.removed_count + len(history) == record.total_runs
    assert record.removing == ()
    while await scheduler.services.engine.runs.delete_ended_before(datetime.now(UTC), 200):
        pass
    assert await scheduler.services.engine.runs.of_ids(ids) == {}


async def test_prefect_is_asked_again_only_for_runs_of_which_the_history_does_not_hold_the_news(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task, mirror = await scheduler.task(), scheduler.services.mirror.history
    ids = {status: str(uuid4()) for status in ("waits", "works", "completed", "failed", "unknown")}
    now = datetime.now(UTC).replace(microsecond=0)
    young = now + timedelta(hours=1)  # the sweep ends what is older and has no run
    working = replace(at_work(task, ids["works"]), started_at=young, heartbeat_at=None)
    for execution in (
        replace(working, id=ids["waits"], status=ExecutionStatus.PENDING),
        working,
        replace(working, id=ids["completed"]).ended(ExecutionStatus.COMPLETED, now),
        replace(working, id=ids["failed"]).ended(ExecutionStatus.FAILED, now, error="it was to fail"),
    ):
        await scheduler.services.stores.executions.add(execution)

    async def asked_for(phase: RunPhase | None) -> set[str]:
        news = [Change(ChangeKind.RUN, run_id, phase) for run_id in ids.values()]
        asked = await mirror.to_be_asked_for(news)
        return {status for status, run_id in ids.items() if run_id in asked}

    assert await asked_for(RunPhase.WAITING) == {"unknown"}
    assert await asked_for(RunPhase.CLAIMED) == {"unknown"}
    assert await asked_for(RunPhase.RUNNING) == {"waits", "unknown"}
    assert await asked_for(RunPhase.SUCCEEDED) == {"waits", "works", "failed", "unknown"}
    assert await asked_for(RunPhase.FAILED) == await asked_for(None) == set(ids)


def test_only_plain_states_have_a_phase() -> None:
    def phase(name: str, type: StateType) -> RunPhase | None:
        resource = {
            "prefect.resource.id": f"prefect.flow-run.{uuid4()}",
            "prefect.state-name": name,
            "prefect.state-type": type.value,
        }
        event = Event(event=f"prefect.flow-run.{name}", resource=Resource(resource))
        change = change_of(event)
        assert change is not None
        return change.phase

    assert phase("Completed", StateType.COMPLETED) is RunPhase.SUCCEEDED
    assert phase("Pending", StateType.PENDING) is RunPhase.CLAIMED
    assert phase("Completed", StateType.FAILED) is None, "anybody may name a state so"
    assert phase("Retrying", StateType.RUNNING) is None
    assert phase("Cancelled", StateType.CANCELLED) is None
