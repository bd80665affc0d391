"""The delayed state Running of a run: never sent after the end of the run, and never overtaken by it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
import pytest
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import FlowRun, State, StateDetails
from prefect.client.schemas.responses import SetStateStatus, StateAcceptDetails
from prefect.states import Completed, Pending, Running

from falcon_scheduler.flows.child import late_running
from falcon_scheduler.flows.child.late_running import LateRunning

pytestmark = pytest.mark.asyncio
LEASE = uuid4()


class Server:
    """Holds each proposal until it is let through, and then answers or fails."""

    def __init__(self, *failures: Exception) -> None:
        self.asked, self.answers, self.accepted = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.count = 0
        self._failures = [*failures]

    async def propose(self) -> OrchestrationResult[object]:
        self.count += 1
        self.asked.set()
        await self.answers.wait()
        if self._failures:
            raise self._failures.pop()
        self.accepted.set()
        return OrchestrationResult(state=Running(), status=SetStateStatus.ACCEPT, details=StateAcceptDetails())


@pytest.fixture
def flow_run() -> FlowRun:
    claimed: State[None] = Pending(state_details=StateDetails(deployment_concurrency_lease_id=LEASE))
    return FlowRun(id=uuid4(), flow_id=uuid4(), name="run", state=claimed)


async def test_only_the_first_running_after_the_claim_is_delayed(flow_run: FlowRun) -> None:
    late, server = LateRunning(flow_run), Server()
    assert late.delays(flow_run.id, Running(), force=False)
    assert not late.delays(uuid4(), Running(), force=False), "the run of a subflow"
    assert not late.delays(flow_run.id, Running(), force=True)
    assert not late.delays(flow_run.id, Completed(), force=False)
    late.begin(Running(), server.propose)
    assert not late.delays(flow_run.id, Running(name="Retrying"), force=False)
    await late.settled(Completed())


async def test_the_answer_has_the_lease_of_the_claim_so_that_the_run_renews_it(flow_run: FlowRun) -> None:
    late = LateRunning(flow_run)
    answer = late.begin(Running(), Server().propose)
    assert answer.status is SetStateStatus.ACCEPT
    assert answer.state is not None
    assert answer.state.state_details.deployment_concurrency_lease_id == LEASE
    await late.settled(Completed())


async def test_a_run_that_ends_before_is_never_shown_as_running(flow_run: FlowRun) -> None:
    late, server = LateRunning(flow_run), Server()
    late.begin(Running(), server.propose)
    await late.settled(Completed())
    await late.settled(Completed())
    assert server.count == 0


async def test_what_follows_waits_for_the_answer_to_what_has_been_sent(
    flow_run: FlowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_running, "SHOWN_AFTER_SECONDS", 0)
    late, server = LateRunning(flow_run), Server()
    late.begin(Running(), server.propose)
    await server.asked.wait()
    following = asyncio.ensure_future(late.settled(Completed()))
    await asyncio.sleep(0)
    assert not following.done()
    server.answers.set()
    await following
    assert server.count == 1


async def test_while_prefect_is_away_it_is_sent_again_and_given_up_with_the_end(
    flow_run: FlowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_running, "SHOWN_AFTER_SECONDS", 0)
    monkeypatch.setattr(late_running, "_AGAIN_AFTER_SECONDS", 0)
    late, server = LateRunning(flow_run), Server(httpx.ConnectError("away"), httpx.ReadTimeout("slow"))
    server.answers.set()
    late.begin(Running(), server.propose)
    await server.accepted.wait()
    await late.settled(Completed())
    assert server.count == 3


async def test_before_a_retry_it_is_sent_at_once_so_that_prefect_counts_each_attempt(flow_run: FlowRun) -> None:
    late, server = LateRunning(flow_run), Server()
    server.answers.set()
    late.begin(Running(), server.propose)
    await late.settled(Running(name="Retrying"))
    assert server.count == 1
    await late.settled(Completed())
    assert server.count == 1


async def test_a_retry_does_not_wait_for_a_prefect_that_is_away(flow_run: FlowRun) -> None:
    late, server = LateRunning(flow_run), Server(httpx.ConnectError("away"), httpx.ConnectError("away"))
    server.answers.set()
    late.begin(Running(), server.propose)
    await late.settled(Running(name="Retrying"))
    assert server.count == 1
