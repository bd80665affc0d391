"""What people do to a task: through the API, and in Prefect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.schedules import CronSchedule

from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.domain.task import Task
from tests.conftest import wait_until
from tests.explain.bench import PATIENCE_SECONDS, Asked, Bench
from tests.explain.causes import together


def deployment_of(task: Task) -> UUID:
    return UUID(str(task.deployment_id))


def cron(at: datetime) -> str:
    """A schedule of Prefect's that names this instant, and the same one of each year."""
    return f"{at.second} {at.minute} {at.hour} {at.day} {at.month} ?"


@together
async def a_pause(bench: Bench) -> Asked:
    return await _held(bench, "pause", Cause.PAUSED)


@together
async def a_pause_that_is_over(bench: Bench) -> Asked:
    return await _held(bench, "pause", Cause.PAUSED, over_by="resume")


@together
async def a_disable(bench: Bench) -> Asked:
    return await _held(bench, "disable", Cause.DISABLED)


@together
async def a_disable_that_is_over(bench: Bench) -> Asked:
    return await _held(bench, "disable", Cause.DISABLED, over_by="enable")


@together
async def a_pause_in_prefect(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.prefect.pause_deployment(deployment_of(task))
    bench.in_advance(at)
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.PAUSED)


@together
async def a_pause_in_prefect_that_is_over(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.prefect.pause_deployment(deployment_of(task))
    bench.in_advance(at)
    await bench.until(at, 2)
    await bench.prefect.resume_deployment(deployment_of(task))
    return Asked(task=task, at=at, cause=Cause.PAUSED)


@together
async def an_edit(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.moment()
    await bench.put(task, schedule="0 0 0 1 1 *")
    bench.in_advance(at)
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.SCHEDULE_CHANGED)


@together
async def an_edit_in_prefect(bench: Bench) -> Asked:
    at = bench.soon()
    task = await bench.shop.task(schedule=cron(at))
    [schedule] = (await bench.prefect.read_deployment(deployment_of(task))).schedules
    await bench.prefect.update_deployment_schedule(
        deployment_of(task), schedule.id, schedule=CronSchedule(cron="0 0 1 1 *", timezone="UTC")
    )
    bench.in_advance(at)
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.SCHEDULE_CHANGED)


@together
async def an_edit_that_means_nothing_to_the_schedule(bench: Bench) -> Asked:
    task, at = await bench.due()
    await bench.moment()
    await bench.put(task, description="another", tags=["another"])
    return await bench.in_time(task, at)


@together
async def a_deployment_that_is_deleted_in_prefect(bench: Bench) -> None:
    """The task goes with it, so nothing is left to explain."""
    task, at = await bench.due()
    await bench.moment()
    await bench.prefect.delete_deployment(deployment_of(task))
    bench.shop.made.remove(task.id)

    async def gone() -> bool:
        answer = await bench.api.get(f"/tasks/{task.id}/explain", params={"at": at.isoformat()})
        return answer.status_code == 404

    await wait_until(gone, "the task is gone", PATIENCE_SECONDS)


@together
async def a_stop_at_work(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    await bench.process(file)
    await bench.is_named(Asked(task=task, at=at, cause=Cause.RUNNING))
    await bench.moment()
    await bench.post(task, "stop")
    await bench.served(task, at)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def a_cancel_of_one_execution(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    await bench.process(file)
    execution = await bench.serving(task, at, running=True)
    await bench.moment()
    await bench.send("POST", f"/executions/{execution.id}/cancel")
    await bench.shop.ended(execution.id)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def a_cancel_in_prefect(bench: Bench) -> Asked:
    file = bench.diary()
    task, at = await bench.due(config=bench.long(file))
    await bench.process(file)
    execution = await bench.serving(task, at, running=True)
    await bench.moment()
    await bench.prefect.set_flow_run_state(UUID(execution.id), State(type=StateType.CANCELLING))
    await bench.shop.ended(execution.id)
    return Asked(task=task, at=at, cause=Cause.CANCELLED)


@together
async def a_skip_in_prefect(bench: Bench) -> Asked:
    task, at = await bench.due()
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_of(task)]))
    [planned] = await bench.prefect.read_flow_runs(deployment_filter=wanted)
    skipped: State[None] = State(type=StateType.CANCELLED, name="Skipped", message="not today")
    await bench.prefect.set_flow_run_state(planned.id, skipped, force=True)
    bench.in_advance(at)
    await bench.until(at, 1)
    return Asked(task=task, at=at, cause=Cause.IN_PREFECT)


@together
async def a_document_that_impedes_it(bench: Bench) -> Asked:
    task = await bench.shop.task(schedule="0 0 0 1 1 *")
    tasks = bench.shop.services.stores.database["scheduler_tasks"]
    await tasks.update_one({"_id": task.id}, {"$set": {"metadata.timeout": ["soon"], "timeout": ["soon"]}})
    coming = datetime(datetime.now(UTC).year + 2, 1, 1, tzinfo=UTC)
    return Asked(task=task, at=coming, cause=Cause.IMPEDED)


@together
async def a_lock_of_a_stranger(bench: Bench) -> Asked:
    task, at = await bench.due()
    locks = bench.shop.services.stores.locks
    await bench.moment()
    await locks.acquire(task.id, "a stranger", timedelta(minutes=10))
    bench.in_advance(at)
    await bench.served(task, at)
    await locks.release_of(task.id, "a stranger")
    return Asked(task=task, at=at, cause=Cause.LOCK_HELD)


async def _held(bench: Bench, how: str, cause: Cause, *, over_by: str = "") -> Asked:
    """Pause or disable a task before an instant, and end that after it if it is to be over."""
    task, at = await bench.due()
    await bench.moment()
    await bench.post(task, how)
    bench.in_advance(at)
    await bench.until(at, 2 if over_by else 1)
    if over_by:
        await bench.post(task, over_by)
    return Asked(task=task, at=at, cause=cause)
