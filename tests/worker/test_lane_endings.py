"""A run of a lane that is cancelled just as it ends is Cancelled in Prefect, whatever it reported."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling, Completed, Pending

from falcon_scheduler.adapters.prefect.queue_order import scheduled_again
from falcon_scheduler.flows.interprocess.messages import RunPerformed
from falcon_scheduler.flows.worker.lane_keeper import LaneKeeper
from falcon_scheduler.flows.worker.lane_supervisor import LaneSupervisor
from falcon_scheduler.flows.worker.lane_turns import LaneTurns
from falcon_scheduler.flows.worker.launcher import Launcher
from falcon_scheduler.flows.worker.log_shipping import LogShipper
from falcon_scheduler.flows.worker.run_supervisor import RunDependencies
from falcon_scheduler.flows.worker.state_proposer import StateProposer
from tests.worker.conftest import Pool, make_pool

pytestmark = pytest.mark.slow


def supervise(pool: Pool, flow_run: FlowRun) -> LaneSupervisor:
    launcher, logs = Launcher({}), LogShipper(pool.client)
    dependencies = RunDependencies(
        client=pool.client,
        states=StateProposer(pool.client),
        launcher=launcher,
        logs=logs,
        labels={},
        cancel_grace=timedelta(seconds=1),
        result_storage_id=lambda: None,
        shares_pool=lambda: False,
        follows_events=lambda: True,
        turns=LaneTurns(),
        note_known=lambda flow_run_id: None,
    )
    lanes = LaneKeeper(launcher, logs, memory_bound_mb=500)
    return LaneSupervisor(flow_run, (1, datetime.now(UTC)), dependencies, lanes, flow="http-task", is_queueing=False)


@pytest.mark.parametrize("worker_knows", [False, True])
@pytest.mark.parametrize("reported", [Completed(), scheduled_again()], ids=["completed", "gave way"])
async def test_a_run_that_is_cancelled_as_it_ends_is_cancelled(
    pool: Pool, reported: State[object], worker_knows: bool
) -> None:
    unattended = await make_pool(pool.client)
    flow_run_id = await unattended.run("quick")
    await pool.client.set_flow_run_state(flow_run_id, Pending())
    await pool.client.set_flow_run_state(flow_run_id, Cancelling())
    supervisor = supervise(pool, await pool.client.read_flow_run(flow_run_id))
    if worker_knows:
        supervisor.cancel()
    await supervisor._conclude(RunPerformed(str(flow_run_id), reported.model_dump(mode="json"), None))
    assert (await unattended.states(flow_run_id))[-1] == "Cancelled"


async def test_a_run_that_gave_way_is_scheduled_again(pool: Pool) -> None:
    unattended = await make_pool(pool.client)
    flow_run_id = await unattended.run("quick")
    await pool.client.set_flow_run_state(flow_run_id, Pending())
    supervisor = supervise(pool, await pool.client.read_flow_run(flow_run_id))
    await supervisor._conclude(RunPerformed(str(flow_run_id), scheduled_again().model_dump(mode="json"), None))
    ended = (await pool.client.read_flow_run(flow_run_id)).state
    assert ended is not None
    assert ended.is_scheduled()
