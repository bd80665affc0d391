"""Proposes states to Prefect on behalf of a worker's runs.

Pending claims a run: of two workers that propose it, the server refuses one. It does not refuse a worker whose
proposal arrives after the run has ended; such a claim is recognised by its answer and undone. Cancelled and Crashed
are set only once nothing of the run is left.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import State
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed, Pending, Scheduled

from falcon_scheduler.core.retrying import doubling, retried
from falcon_scheduler.flows.prefect_internals import CONCURRENCY_LIMIT_MESSAGE

SKIPPED_NAME = "Skipped"
SKIPPED_MESSAGE = "Skipped: the run before it was still under way."
CANCELLED_MESSAGE = "Cancelled by request; nothing of the run is left."

CLAIMS_AT_ONCE = 16
"""More claims than these wait, in the order in which they were begun, which is by priority. The server is one
process: a hundred at once it answers in any order, some of them later than the client waits. Nobody performs
those runs."""
SET_AT_ONCE = 16
"""More states than these wait, in their order, for the same reason: a lane may end a hundred runs at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=0.5), timedelta(seconds=30)
_logger = logging.getLogger("falcon.worker.state_proposer")


class Claim(Enum):
    """What came of claiming a run."""

    WON = "won"
    """It is ours."""
    LOST = "lost"
    """It is another worker's, has been cancelled, has to wait, or is gone."""
    UNKNOWN = "unknown"
    """The server could not be asked."""


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """The outcome of a claim and, when won, the state that the server accepted."""

    claim: Claim
    state: State[Any] | None = None


class StateProposer:
    """Proposes states through one client."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._turns = asyncio.Semaphore(CLAIMS_AT_ONCE)
        self._turns_to_set = asyncio.Semaphore(SET_AT_ONCE)

    async def claim(self, flow_run_id: UUID, ask_first: bool = False) -> ClaimAnswer:
        """Propose Pending. A refusal for the deployment's concurrency limit is named a skip.

        Args:
            ask_first: another worker may have had the run since the last poll, so look before: undoing a claim
                shows in the run's history, asking does not.
        """
        try:
            async with self._turns:
                if ask_first and not await self._is_scheduled(flow_run_id):
                    return ClaimAnswer(Claim.LOST)
                answer: OrchestrationResult[Any] = await self._client.set_flow_run_state(flow_run_id, Pending())
        except ObjectNotFound:
            return ClaimAnswer(Claim.LOST)
        except httpx.HTTPError as error:
            _logger.warning("Could not claim flow run %s: %s", flow_run_id, error)
            return ClaimAnswer(Claim.UNKNOWN)
        if answer.status == SetStateStatus.ACCEPT and answer.state is not None:
            if answer.state.state_details.scheduled_time is not None:
                return ClaimAnswer(Claim.WON, answer.state)
            # The server copies the time from a scheduled state only (CopyScheduledTime): this run had ended.
            await self._undo(flow_run_id, answer.state)
            return ClaimAnswer(Claim.LOST)
        if _is_skip(answer.state):
            await self.set_surely(flow_run_id, Cancelled(name=SKIPPED_NAME, message=SKIPPED_MESSAGE), force=True)
        return ClaimAnswer(Claim.LOST)

    async def _is_scheduled(self, flow_run_id: UUID) -> bool:
        state = (await self._client.read_flow_run(flow_run_id)).state
        return state is not None and state.is_scheduled()

    async def _undo(self, flow_run_id: UUID, claimed: State[Any]) -> None:
        """Set the state again that the run had before our claim."""
        states = await self._client.read_flow_run_states(flow_run_id)
        before = max((state for state in states if state.id != claimed.id), key=lambda state: state.timestamp)
        restored = State[Any](type=before.type, name=before.name, message=before.message, data=before.data)
        await self.set_surely(flow_run_id, restored, force=True)

    async def give_back(self, flow_run_id: UUID) -> None:
        """Undo a claim: the run is scheduled again, for another worker to take; being cancelled, it is cancelled."""
        answer = await self.set_surely(flow_run_id, Scheduled())
        if answer is not None and answer.is_cancelling():
            await self.set_cancelled(flow_run_id)

    async def set_cancelled(self, flow_run_id: UUID) -> None:
        """Set Cancelled on a run that was being cancelled and of which nothing is left."""
        await self.set_surely(flow_run_id, Cancelled(message=CANCELLED_MESSAGE))

    async def set_crashed(self, flow_run_id: UUID, message: str) -> None:
        """Set Crashed, unless the run has reached an end of its own; being cancelled, it is cancelled instead."""
        answer = await self.set_surely(flow_run_id, Crashed(message=message))
        if answer is not None and answer.is_cancelling():
            await self.set_cancelled(flow_run_id)

    async def set_surely(self, flow_run_id: UUID, state: State[Any], force: bool = False) -> State[Any] | None:
        """Set a state, with retries until the server answers. Returns the state of the run then, if it exists."""

        def report(error: Exception) -> None:
            _logger.warning("Could not set flow run %s %s: %s", flow_run_id, state.name, error)

        async def propose() -> OrchestrationResult[Any]:
            async with self._turns_to_set:
                return await self._client.set_flow_run_state(flow_run_id, state, force=force)

        pauses = doubling(_FIRST_PAUSE, _LONGEST_PAUSE)
        try:
            answer: OrchestrationResult[Any] = await retried(
                propose, on=(httpx.HTTPError,), pauses=pauses, report=report
            )
        except ObjectNotFound:
            return None
        return answer.state


def _is_skip(state: State[Any] | None) -> bool:
    return state is not None and state.is_cancelled() and state.message == CONCURRENCY_LIMIT_MESSAGE
