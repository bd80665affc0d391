"""Many runs that are claimed at the same time."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any, cast

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import State, StateDetails
from prefect.client.schemas.responses import SetStateStatus, StateAcceptDetails
from prefect.states import Pending

from falcon_scheduler.flows.worker.state_proposer import CLAIMS_AT_ONCE, Claim, StateProposer


class Server:
    """Notes the order of the proposals, and how many it has at the same time."""

    def __init__(self) -> None:
        self.asked: list[uuid.UUID] = []
        self.at_once = self.most = 0

    async def set_flow_run_state(self, flow_run_id: uuid.UUID, state: State[Any]) -> OrchestrationResult[Any]:
        self.asked.append(flow_run_id)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        claimed: State[Any] = Pending(state_details=StateDetails(scheduled_time=datetime.now(UTC)))
        return OrchestrationResult(status=SetStateStatus.ACCEPT, state=claimed, details=StateAcceptDetails())


async def test_a_burst_of_claims_reaches_the_server_in_order_and_a_few_at_a_time() -> None:
    server = Server()
    proposer = StateProposer(cast(PrefectClient, server))
    runs = [uuid.uuid4() for _ in range(100)]
    answers = await asyncio.gather(*map(proposer.claim, runs))
    assert {each.claim for each in answers} == {Claim.WON}
    assert server.asked == runs
    assert server.most == CLAIMS_AT_ONCE
