"""What becomes of runs under a warm worker, from the outside: states, logs, processes."""

from __future__ import annotations

import asyncio
import signal
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.states import Cancelling

from falcon_scheduler.adapters.prefect.names import AWAITING_TURN
from falcon_scheduler.adapters.prefect.queue_order import put_back
from falcon_scheduler.flows.worker.run_environment import csrf_protection_is_on
from falcon_scheduler.flows.worker.state_proposer import Claim, StateProposer
from tests.conftest import wait_until
from tests.worker.conftest import Pool, StartWorker, WorkerProcess, make_pool

pytestmark = pytest.mark.slow


async def test_a_run_goes_through_the_states_that_the_ui_shows_and_logs_as_usual(
    pool: Pool, warm_worker: WorkerProcess
) -> None:
    run = await pool.run("greet", name="capsuleer")
    state = await pool.ended(run)
    assert state.is_completed()
    assert await pool.states(run) == ["Scheduled", "Pending", "Running", "Completed"]
    messages = await pool.logs(run, "Finished in state")
    assert "hello capsuleer" in messages


async def test_a_sync_flow_runs_too(pool: Pool, warm_worker: WorkerProcess) -> None:
    assert (await pool.ended(await pool.run("nothing_sync"))).is_completed()


async def test_steps_within_a_run_are_shown_by_prefect(pool: Pool, warm_worker: WorkerProcess) -> None:
    run = await pool.run("stepwise")
    assert (await pool.ended(run)).is_completed()
    await pool.logs(run, "doubling 2")

    async def both_shown() -> bool:
        steps = await pool.client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])))
        ended = [step for step in steps if step.name.startswith("double") and step.state_name == "Completed"]
        return len(ended) == 2

    await wait_until(both_shown, "Prefect shows both steps as completed")


async def test_what_user_code_raises_fails_the_run(pool: Pool, warm_worker: WorkerProcess) -> None:
    state = await pool.ended(await pool.run("fail"))
    assert state.is_failed()
    assert "as planned" in str(state.message)


@pytest.mark.parametrize(
    ("flow_name", "cause"), [("vanish", "exited with code 3"), ("segfault", "signal 11 (SIGSEGV)")]
)
async def test_a_run_whose_process_dies_is_crashed_and_says_how_and_hurts_nobody(
    pool: Pool, warm_worker: WorkerProcess, flow_name: str, cause: str
) -> None:
    neighbour = await pool.run("sleep", seconds=1)
    state = await pool.ended(await pool.run(flow_name))
    assert state.is_crashed()
    assert cause in str(state.message)
    assert (await pool.ended(neighbour)).is_completed()


async def test_a_run_that_takes_too_much_memory_fails_alone(pool: Pool, warm_worker: WorkerProcess) -> None:
    deployment = await pool.deploy("eat", job_variables={"memory_limit_mb": 400})
    state = await pool.ended(await pool.run_deployment(deployment, megabytes=800))
    assert state.is_failed()
    assert "MemoryError" in str(state.message)
    assert (await pool.ended(await pool.run("nothing"))).is_completed()


async def test_a_flow_that_cannot_be_imported_crashes_with_the_reason(pool: Pool, warm_worker: WorkerProcess) -> None:
    deployment = await pool.deploy("nowhere", entrypoint="tests.worker.no_such_module.nowhere")
    state = await pool.ended(await pool.run_deployment(deployment))
    assert state.is_crashed()
    assert "could not be loaded" in str(state.message)
    assert "no_such_module" in str(state.message)


async def test_job_variables_reach_the_run(pool: Pool, warm_worker: WorkerProcess, tmp_path: Path) -> None:
    deployment = await pool.deploy(
        "surroundings", job_variables={"env": {"COLOUR": "amber"}, "working_dir": str(tmp_path)}
    )
    run = await pool.run_deployment(deployment)
    assert (await pool.ended(run)).is_completed()
    await pool.logs(run, f"amber in {tmp_path}")


async def test_scheduled_runs_do_not_begin_before_their_time_and_all_begin(
    pool: Pool, warm_worker: WorkerProcess
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    due = {
        await pool.run("nothing", at=now + timedelta(seconds=3 + n)): now + timedelta(seconds=3 + n) for n in range(3)
    }
    for run, due_at in due.items():
        assert (await pool.ended(run)).is_completed()
        flow_run = await pool.client.read_flow_run(run)
        assert flow_run.start_time is not None
        assert flow_run.start_time >= due_at


async def test_a_second_run_of_a_deployment_that_allows_one_is_skipped(
    pool: Pool, warm_worker: WorkerProcess
) -> None:
    options = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    deployment = await pool.deploy("sleep", concurrency_limit=1, concurrency_options=options)
    first = await pool.run_deployment(deployment, seconds=6)
    await pool.running(first)
    second = await pool.run_deployment(deployment)

    async def named() -> bool:
        state = (await pool.client.read_flow_run(second)).state
        return state is not None and state.is_cancelled() and state.name == "Skipped"

    await wait_until(named, "the server's refusal is named a skip")
    assert (await pool.ended(first)).is_completed()


async def test_the_next_run_sees_changed_code(pool: Pool, start_worker: StartWorker, tmp_path: Path) -> None:
    module = f"changing_{uuid.uuid4().hex[:6]}"
    source = (
        "from prefect import flow, get_run_logger\n@flow\nasync def say() -> None:\n    get_run_logger().info({!r})\n"
    )
    (tmp_path / f"{module}.py").write_text(source.format("the first version"))
    own_pool = await make_pool(pool.client)
    worker = start_worker(own_pool, PYTHONPATH=str(tmp_path), SCHEDULER_PRELOAD=module)
    deployment = await own_pool.deploy("say", entrypoint=f"{module}.say")
    await own_pool.logs(await own_pool.run_deployment(deployment), "the first version")
    (tmp_path / f"{module}.py").write_text(source.format("the second, longer version"))
    await own_pool.logs(await own_pool.run_deployment(deployment), "the second, longer version")
    await worker.stop()


async def test_plug_ins_are_loaded_once_for_all_runs_and_anew_when_they_or_the_environment_change(
    pool: Pool, start_worker: StartWorker, tmp_path: Path
) -> None:
    source = (
        "import os, threading\nVERSION, LOADED_BY = {!r}, os.getpid()\n"
        "MODE = os.environ.get('PLUGIN_MODE', 'plain')\n"
        "def version() -> str: return VERSION\n"
        "def register(registry):\n    registry.register_function(version, module='changing')\n    {}\n"
    )
    plugin, note = tmp_path / "changing.py", tmp_path / "note"
    plugin.write_text(source.format("first", ""))
    own_pool = await make_pool(pool.client)
    worker = start_worker(own_pool, SCHEDULER_PLUGINS=str(plugin))
    own_mode = await own_pool.deploy("note_plugin", job_variables={"env": {"PLUGIN_MODE": "special"}})

    async def found(run: uuid.UUID) -> str:
        assert (await own_pool.ended(run)).is_completed()
        return note.read_text()

    assert await found(await own_pool.run("note_plugin", note=str(note))) == "first, plain, loaded before the fork"
    run = await own_pool.run_deployment(own_mode, note=str(note))
    assert await found(run) == "first, special, loaded itself"
    plugin.write_text(source.format("second", ""))
    assert await found(await own_pool.run("note_plugin", note=str(note))) == "second, plain, loaded before the fork"
    plugin.write_text(source.format("third", "threading.Thread(target=threading.Event().wait, daemon=True).start()"))
    assert await found(await own_pool.run("note_plugin", note=str(note))) == "third, plain, loaded itself"
    assert "each run loads them for itself" in worker.log.read_text()
    plugin.write_text("1/0")
    assert (await own_pool.ended(await own_pool.run("note_plugin", note=str(note)))).is_failed()
    plugin.write_text(source.format("mended", ""))
    assert (await found(await own_pool.run("note_plugin", note=str(note)))).startswith("mended, plain")
    await worker.stop()


async def test_critical_runs_begin_before_waiting_low_ones(narrow_pool: Pool) -> None:
    blocker = await narrow_pool.run("sleep", seconds=600)
    await narrow_pool.running(blocker)
    low = [await narrow_pool.run("nothing", queue="low") for _ in range(3)]
    critical = await narrow_pool.run("nothing", queue="critical")
    await asyncio.sleep(4)  # a worker decides on what Prefect last said: half a second ago, longer on a busy machine
    await narrow_pool.cancel(blocker)
    for run in (*low, critical):
        await narrow_pool.ended(run)
    began = [(await narrow_pool.client.read_flow_run(run)).start_time for run in (critical, *low)]
    assert all(began)
    assert min(began) == began[0]  # type: ignore[type-var]


async def test_two_workers_share_the_runs_and_none_runs_twice(
    pool: Pool, warm_worker: WorkerProcess, start_worker: StartWorker, tmp_path: Path
) -> None:
    note = tmp_path / "runs"
    second = start_worker(pool, limit=3)
    await second.started()
    runs = [await pool.run("sign", note=str(note)) for _ in range(40)]
    for run in runs:
        assert (await pool.ended(run)).is_completed()
    assert sorted(note.read_text().split()) == sorted(str(run) for run in runs)
    await second.stop()


@pytest.mark.parametrize("flow_name", ["nothing", "fail"])
async def test_a_worker_that_comes_too_late_gets_nothing_and_the_end_of_the_run_is_kept(
    pool: Pool, warm_worker: WorkerProcess, flow_name: str
) -> None:
    run = await pool.run(flow_name)
    end = await pool.ended(run)
    late = StateProposer(pool.client)
    assert (await late.claim(run, ask_first=True)).claim is Claim.LOST
    assert len(await pool.states(run)) == 4, "asking first leaves no trace"
    assert (await late.claim(run)).claim is Claim.LOST
    now = await pool.ended(run)
    assert (now.type, now.name, now.message) == (end.type, end.name, end.message)


async def test_a_run_that_is_given_back_or_gives_way_while_it_is_cancelled_stays_cancelled(pool: Pool) -> None:
    """No worker is at the pool: the test claims the runs."""
    pool, states = await make_pool(pool.client), StateProposer(pool.client)
    for is_cancelled in (False, True):
        given_back, gives_way = [await pool.run("nothing") for _ in range(2)]
        for run in (given_back, gives_way):
            assert (await states.claim(run)).claim is Claim.WON
            if is_cancelled:
                await pool.client.set_flow_run_state(run, Cancelling())
        await states.give_back(given_back)
        shown = await put_back(pool.client, await pool.client.read_flow_run(gives_way))
        names = [(await pool.states(run))[-1] for run in (given_back, gives_way)]
        assert names == (["Cancelled", "Cancelling"] if is_cancelled else ["Scheduled", AWAITING_TURN])
        assert shown.name == names[1]


async def test_a_stock_process_worker_runs_the_same_deployments(pool: Pool, start_worker: StartWorker) -> None:
    own_pool = await make_pool(pool.client)
    run = await own_pool.run("greet", name="stock")
    worker = start_worker(own_pool, type="process")
    assert (await own_pool.ended(run)).is_completed()
    await own_pool.logs(run, "hello stock")
    await worker.stop(signal.SIGKILL)  # prefect 3.8: one that was asked to end just after a run stayed for a minute


async def test_no_run_asks_for_tokens_that_the_server_does_not_use(
    pool: Pool, warm_worker: WorkerProcess, tmp_path: Path
) -> None:
    assert not await csrf_protection_is_on(pool.client)
    note = tmp_path / "note"
    await pool.ended(await pool.run("note_environment", note=str(note)))
    assert "'PREFECT_CLIENT_CSRF_SUPPORT_ENABLED': 'false'" in note.read_text()


async def test_where_nobody_answers_tokens_are_asked_for() -> None:
    async with PrefectClient("http://127.0.0.1:1/api") as client:
        assert await csrf_protection_is_on(client)
