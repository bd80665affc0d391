"""Sets a run Running in Prefect only once it has lasted: most are over by then, and a state costs the server much.

Until then the run works in the state Pending, which claims it and takes the slot of its deployment, as Running does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import FlowRun, State, StateDetails
from prefect.client.schemas.responses import SetStateStatus, StateAcceptDetails

from falcon_scheduler.flows.interprocess.messages import SHOWN_AFTER_SECONDS

_AGAIN_AFTER_SECONDS = 5.0

_logger = logging.getLogger("falcon.run")

Propose = Callable[[], Awaitable["OrchestrationResult[object]"]]


class LateRunning:
    """The delayed state of one run. All states that follow wait for `settled`, so that none is overtaken."""

    def __init__(self, flow_run: FlowRun) -> None:
        self._flow_run = flow_run
        self._task: asyncio.Task[None] | None = None
        self._is_followed = asyncio.Event()
        self._is_given_up = False

    def delays(self, flow_run_id: UUID | str, state: State[object], *, force: bool) -> bool:
        """Whether this proposal is the first Running of the run, after its claim."""
        is_own = str(flow_run_id) == str(self._flow_run.id) and self._task is None and not force
        present = self._flow_run.state
        return is_own and state.is_running() and present is not None and present.is_pending()

    def begin(self, state: State[object], propose: Propose) -> OrchestrationResult[object]:
        """Delay the proposal. Returns the answer that the server will give, with the lease of the claim."""
        claimed = self._flow_run.state
        lease_id = claimed.state_details.deployment_concurrency_lease_id if claimed is not None else None
        details = StateDetails(flow_run_id=self._flow_run.id, deployment_concurrency_lease_id=lease_id)
        self._task = asyncio.create_task(self._show(propose))
        accepted = state.model_copy(update={"state_details": details})
        return OrchestrationResult(state=accepted, status=SetStateStatus.ACCEPT, details=StateAcceptDetails())

    async def settled(self, following: State[object]) -> None:
        """Give the delayed proposal up, or wait for its answer if it has been sent.

        Before a retry it is sent at once: Prefect counts the attempts of a run by this state.
        """
        if self._task is None:
            return
        self._is_given_up = self._is_given_up or not following.is_running()
        self._is_followed.set()
        await asyncio.wait([self._task])

    async def _show(self, propose: Propose) -> None:
        """Until the server answers. Refused, it is of no use again: the run has been ended or is being cancelled."""
        await self._pause(SHOWN_AFTER_SECONDS)
        while not self._is_given_up:
            try:
                await propose()
                return
            except Exception as error:  # noqa: BLE001 - it only informs; the run goes on without it
                _logger.debug("Could not set the run Running: %s", error)
            if self._is_followed.is_set():
                return
            await self._pause(_AGAIN_AFTER_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_followed.wait(), seconds)
