"""Redis, MongoDB, Prefect and PostgreSQL go away and come back: runs go on, nothing is lost, nothing half done."""

from __future__ import annotations

import asyncio
import resource
import signal
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.task import TaskStatus
from tests.chaos.stand import Stand
from tests.conftest import ADMIN, Scheduler, function, wait_until
from tests.faults.test_processes import all_agree, at_work
from tests.running.test_runs import from_tests, lines_of

pytestmark = pytest.mark.slow


async def test_while_redis_is_away_runs_go_on_and_the_status_reports_it(
    stand: Stand, shop: Scheduler, api: httpx.AsyncClient
) -> None:
    await stand.stop("valkey")
    try:
        assert (await shop.run(await shop.task())).status is ExecutionStatus.COMPLETED

        async def degraded() -> bool:
            return bool((await api.get("/status")).json()["status"] == "degraded")

        await wait_until(degraded, "the status is degraded")
    finally:
        await stand.start("valkey")
    assert (await shop.run(await shop.task())).status is ExecutionStatus.COMPLETED


async def test_a_redis_that_comes_back_empty_lets_no_second_run_begin(
    stand: Stand, shop: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    task = await shop.task(config=from_tests("diary", file=str(file), seconds=8))
    client = shop.services.engine.client
    await client.request(  # so that the lock alone decides, not Prefect's own limit
        "PATCH", "/deployments/{id}", path_params={"id": task.deployment_id}, json={"concurrency_limit": None}
    )
    first, _ = await at_work(shop, task, file)
    await shop.services.stores.redis.flushall()
    second = await shop.execute(task)

    async def skipped() -> bool:
        run = await shop.services.engine.runs.find(second.id)
        return run is not None and run.phase == "skipped"

    await wait_until(skipped, "the second run was skipped")
    assert (await shop.ended(first.id)).status is ExecutionStatus.COMPLETED
    assert [line.split()[0] for line in lines_of(file)] == ["start", "end"]
    # What is in Redis goes by itself: -1 is a key without an end, -2 one that has just gone.
    keys = [key async for key in shop.services.stores.redis.scan_iter("*")]
    assert [key for key in keys if await shop.services.stores.redis.pttl(key) == -1] == []


async def test_an_outcome_that_could_not_reach_mongodb_is_recovered_from_prefect_whole(
    stand: Stand, shop: Scheduler, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    task = await shop.task(config=from_tests("diary", file=str(file), seconds=4, text="t" * 20))
    execution, _ = await at_work(shop, task, file)
    await stand.stop("mongo")
    try:
        refused = await api.get(f"/tasks/{task.id}")
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0

        async def ended_in_prefect() -> bool:
            run = await shop.services.engine.runs.find(execution.id)
            return run is not None and run.phase == "succeeded"

        await wait_until(ended_in_prefect, "the run ended without MongoDB", patience_seconds=120)
    finally:
        await stand.start("mongo")
    ended = await all_agree(shop, task, execution.id)
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.output == "waited 4 s"
    assert ended.fencing_token >= 1


async def test_an_execute_during_which_mongodb_dies_is_accepted_and_its_repeat_finds_the_run(
    stand: Stand, shop: Scheduler
) -> None:
    task = await shop.task()
    hooks = shop.services.engine.client._client.event_hooks["response"]

    async def die(response: httpx.Response) -> None:
        if response.request.url.path.endswith("/create_flow_run"):
            hooks.remove(die)
            await stand.stop("mongo")

    hooks.append(die)
    asked = {"parameters": {"a": 1}, "priority": None, "by": ADMIN, "key": "while MongoDB dies"}
    try:
        accepted = await shop.services.runs.execute(task.id, **asked)  # type: ignore[arg-type]
    finally:
        await stand.start("mongo")
    again = await shop.services.runs.execute(task.id, **asked)  # type: ignore[arg-type]
    assert again.id == accepted.id
    ended = await all_agree(shop, task, accepted.id)
    assert (ended.status, ended.parameters) == (ExecutionStatus.COMPLETED, {"a": 1})
    assert [each.id for each in await shop.history(task)] == [accepted.id]


async def test_a_full_disk_under_mongodb_is_a_503_and_what_ran_in_between_is_in_the_history(
    stand: Stand, shop: Scheduler, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    task = await shop.task(config=from_tests("diary", file=str(file), seconds=3))
    execution, _ = await at_work(shop, task, file)
    for process in stand.processes("mongo"):  # no file of the server may grow: every write fails
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    body = {"name": "too much", "type": "function", "schedule": "0 0 0 1 1 ?", "config": function("echo")}
    try:
        answer = await api.post("/tasks", json=body)
        assert answer.status_code == 503
    finally:
        await stand.kill("mongo")
        await stand.start("mongo")
    assert (await all_agree(shop, task, execution.id)).status is ExecutionStatus.COMPLETED

    async def absent() -> bool:
        found = (await api.get("/tasks", params={"q": "too much"})).json()
        return bool(found.get("total") == 0)

    await wait_until(absent, "nothing was half created")


async def test_while_prefect_is_away_reads_work_and_changes_are_refused_whole(
    stand: Stand, shop: Scheduler, api: httpx.AsyncClient
) -> None:
    task = await shop.task()
    await stand.stop("prefect")
    body = {"name": "half a task", "type": "function", "schedule": "0 0 0 1 1 ?", "config": function("echo")}
    try:
        assert (await api.get(f"/tasks/{task.id}")).status_code == 200
        assert (await api.get(f"/tasks/{task.id}/history")).status_code == 200
        for answer in (await api.post("/tasks", json=body), await api.post(f"/tasks/{task.id}/execute", json={})):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
        assert (await api.get("/tasks", params={"q": "half a task"})).json()["total"] == 0
    finally:
        await stand.start("prefect")
    assert (await api.post("/tasks", json=body)).status_code == 201


async def test_runs_outlive_a_restart_of_prefect_and_of_postgresql(
    stand: Stand, shop: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    task = await shop.task(config=from_tests("diary", file=str(file), seconds=5))
    execution, _ = await at_work(shop, task, file)
    await asyncio.gather(stand.kill("prefect"), stand.kill("postgres"))
    await asyncio.sleep(6)  # the work ends while no server can be reached
    await stand.start("postgres")
    await stand.start("prefect")
    ended = await all_agree(shop, task, execution.id)
    assert ended.status is ExecutionStatus.COMPLETED
    assert ended.output == "waited 5 s"


async def test_retries_go_on_while_prefect_is_away_and_the_end_is_written(
    stand: Stand, shop: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "attempts"
    task = await shop.task(
        config=from_tests("failing", file=str(file)), max_retries=3, retry_interval=timedelta(seconds=2)
    )
    execution = await shop.execute(task)

    async def attempted() -> bool:
        return bool(lines_of(file))

    await wait_until(attempted, "the first attempt was made")
    await stand.stop("prefect")
    try:
        ended = await shop.ended(execution.id)
    finally:
        await stand.start("prefect")
    assert lines_of(file) == ["attempt"] * 4
    assert ended.error.endswith("attempt 4 went wrong")
    assert ended.retry_count == 3
    assert await all_agree(shop, task, execution.id) == ended


async def test_servers_that_stand_still_for_a_while_cost_no_run_its_life(
    stand: Stand, shop: Scheduler, tmp_path: Path
) -> None:
    file = tmp_path / "diary"
    task = await shop.task(config=from_tests("diary", file=str(file), seconds=25))
    execution, _ = await at_work(shop, task, file)
    for name in ("mongo", "valkey", "prefect"):
        stand.signal(name, signal.SIGSTOP)
    await asyncio.sleep(15)
    for name in ("mongo", "valkey", "prefect"):
        stand.signal(name, signal.SIGCONT)
    ended = await all_agree(shop, task, execution.id)
    assert ended.status is ExecutionStatus.COMPLETED
    assert (await shop.services.tasks.get(task.id)).status is TaskStatus.COMPLETED
