"""Supervises one run in a lane, from the poll that brought it to the state in which it ends.

Like `run_supervisor`, with fewer states: most runs are over in a moment, and go from Pending to their end. Running is
set once a run has lasted, or when an attempt failed and another follows. All states of a run are set here, one after
the other, so that none overtakes another.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Running

from falcon_scheduler.adapters.prefect.names import RETRYING
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.messages import (
    SHOWN_AFTER_SECONDS,
    AskClaim,
    RunBegan,
    RunPerformed,
    RunRetries,
)
from falcon_scheduler.flows.termination import WORKER_STOPPED, Reason
from falcon_scheduler.flows.worker.forkserver_connection import LaunchError
from falcon_scheduler.flows.worker.lane import LaneEnd, LaneRun
from falcon_scheduler.flows.worker.lane_keeper import LaneKeeper
from falcon_scheduler.flows.worker.lane_turns import Turn
from falcon_scheduler.flows.worker.run_duties import RunDuties
from falcon_scheduler.flows.worker.run_supervisor import DESCRIBED_AFTER, RunDependencies
from falcon_scheduler.flows.worker.state_proposer import Claim

_LEASE_SECONDS = 300.0
_FIRST_RENEWAL_SECONDS, _RENEWAL_SECONDS = 10.0, 100.0
"""When the lease of a deployment's only slot is renewed. It lasts as long as a claim's lease does, 60 s at least."""
_RETRY_SECONDS = 5.0
_BEGINS_WITHIN_SECONDS = 3.0
"""Until its work begins a run keeps its turn, and is not shown Running, for this long at most."""

_logger = logging.getLogger("falcon.worker.runs")


class LaneSupervisor:
    """Supervises one run in a lane."""

    def __init__(
        self,
        flow_run: FlowRun,
        rank: tuple[int, datetime],
        dependencies: RunDependencies,
        lanes: LaneKeeper,
        *,
        flow: str,
        is_queueing: bool,
    ) -> None:
        """Make one.

        Args:
            flow_run: the run.
            rank: its priority, 1 first, and when it may begin.
            dependencies: what runs share.
            lanes: where it is performed.
            flow: the name of its flow.
            is_queueing: the deployment's runs wait for each other, which Prefect's run count bounds.
        """
        self.flow_run = flow_run
        self.began = False
        """Whether this worker has claimed the run, or performs it without."""
        self._rank = rank
        self._with = dependencies
        self._lanes = lanes
        self._flow = flow
        self._is_queueing = is_queueing
        self._run: LaneRun | None = None
        self._turn: Turn | None = None
        self._ending: Reason | None = None
        self._cancelled_already = False
        self._claimed: State[Any] | None = None
        self._is_shown = False
        """Whether Prefect has taken Running."""
        self._killing: asyncio.Task[None] | None = None

    async def supervise(self) -> bool:
        """Do everything. False when the run was not ours to run.

        Raises:
            LaunchError: there is no lane; the run is not claimed.
        """
        await self._lanes.lane()
        await self._wait_until_due()
        if self._ending is not None:
            return False
        self._turn = self._with.turns.ask(self._rank)
        try:
            await asyncio.wait([self._turn])
            if self._turn.cancelled():
                return False
            return await self._perform("" if self._needs_claim() else uuid4().hex)
        finally:
            self._give_turn_back()

    async def _perform(self, performer: str) -> bool:
        if not performer and not await self._claim():
            return False
        self.began = True
        if self._is_queueing and await self._set_running(Running()):
            self.flow_run.run_count += 1
        try:
            lane = await self._lanes.lane()  # nothing may be awaited between this and `perform`
        except LaunchError:
            if self._claimed is not None:
                await self._with.states.give_back(self.flow_run.id)
            raise
        document = self.flow_run.model_dump(mode="json")
        self._run = lane.perform(str(self.flow_run.id), document, self._flow, performer)
        if self._ending is not None:
            self._ask_to_end(self._ending)
        try:
            end = await self._follow(self._run)
        finally:
            if self._killing is not None:
                self._killing.cancel()
        await self._conclude(end)
        self._run.note_settled()  # not when this is interrupted before: the preloaded process then reports the run
        return True

    def _needs_claim(self) -> bool:
        """Where others may take the run too, its cancellation may be missed, or Prefect decides whose turn it is."""
        return self._is_queueing or self._with.shares_pool() or not self._with.follows_events()

    def cancel(self, already_set: bool = False) -> None:
        """End the run because it was cancelled; see `RunSupervisor.cancel`."""
        self._cancelled_already = self._cancelled_already or already_set
        self._end("cancelled")

    def suspend(self) -> None:
        """Without effect: the run of a task has no further step at which it could stop."""

    def shut_down(self) -> None:
        """End the run because its worker stops."""
        self._end("shutdown")

    def _end(self, reason: Reason) -> None:
        if self._ending is None:
            self._ending = reason
            if self._run is None:
                self._give_turn_back()
            self._ask_to_end(reason)

    def _ask_to_end(self, reason: Reason) -> None:
        if self._run is not None and self._killing is None:
            self._run.interrupt(reason)
            self._killing = asyncio.create_task(self._kill_later(self._run))

    def _give_turn_back(self) -> None:
        if self._turn is not None:
            self._with.turns.give_back(self._turn)

    async def _kill_later(self, run: LaneRun) -> None:
        await asyncio.sleep(self._with.cancel_grace.total_seconds())
        run.kill()

    async def _wait_until_due(self) -> None:
        _, due_at = self._rank
        wait = (due_at - datetime.now(UTC)).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _claim(self) -> bool:
        """Whether the run is ours to perform."""
        answer = await self._with.states.claim(self.flow_run.id, ask_first=self._with.shares_pool())
        if answer.claim is not Claim.WON or answer.state is None:
            return False
        if self._ending == "shutdown":
            await self._with.states.give_back(self.flow_run.id)
            return False
        self._claimed = self.flow_run.state = answer.state
        self._with.note_known(self.flow_run.id)
        return True

    async def _answer_claim(self, run: LaneRun) -> None:
        """Claim the run although the lane has it already: MongoDB alone can't decide whether it is to begin."""
        is_won = self._is_shown
        if not is_won:
            answer = await self._with.states.claim(self.flow_run.id, ask_first=True)
            is_won = answer.claim is Claim.WON
            self._claimed = answer.state if is_won else None
        if is_won:
            self._with.note_known(self.flow_run.id)
        run.answer_claim(is_won=is_won)

    async def _follow(self, run: LaneRun) -> RunPerformed | LaneEnd:
        """Show in Prefect how the run goes, until it has ended."""
        duties = RunDuties()
        self._begin_duties(duties)
        while True:
            try:
                async with asyncio.timeout_at(duties.next_at):
                    event = await run.events.get()
            except TimeoutError:
                await duties.work()
                continue
            match event:
                case AskClaim():
                    await self._answer_claim(run)
                    self._begin_duties(duties)
                case RunBegan():
                    self._give_turn_back()
                    duties.drop("turn")
                    if duties.drop("show"):
                        duties.add("show", SHOWN_AFTER_SECONDS, self._show)
                case RunRetries():
                    if await self._set_running(Running(name=RETRYING, message=event.message)):
                        duties.drop("show")
                case _:
                    return event

    def _begin_duties(self, duties: RunDuties) -> None:
        duties.add("describe", DESCRIBED_AFTER.total_seconds(), self._describe)
        duties.add("turn", _BEGINS_WITHIN_SECONDS, self._pass_turn_on)
        if not self._is_queueing and not self._is_shown:
            duties.add("show", _BEGINS_WITHIN_SECONDS, self._show)
        details = self._claimed.state_details if self._claimed is not None else None
        if details is not None and (lease_id := details.deployment_concurrency_lease_id) is not None:
            duties.add("renew", _FIRST_RENEWAL_SECONDS, partial(self._renew, lease_id))

    async def _pass_turn_on(self) -> None:
        """It waits for another run of its task, or for a store: it does not keep others waiting."""
        self._give_turn_back()

    async def _show(self) -> float | None:
        is_answered = await self._set_running(Running())
        return None if self._is_shown or (is_answered and self._claimed is not None) else _RETRY_SECONDS

    async def _renew(self, lease_id: UUID) -> float:
        """Keep the slot of the deployment that Prefect gave the run."""
        try:
            await self._with.client.renew_concurrency_lease(lease_id, _LEASE_SECONDS)
        except Exception as error:  # noqa: BLE001 - MongoDB's condition guards the task too
            _logger.debug("Could not renew the lease of flow run %s: %s", self.flow_run.id, error)
            return _RETRY_SECONDS
        return _RENEWAL_SECONDS

    async def _describe(self) -> None:
        """Write to Prefect which worker performs a lasting run."""
        try:
            await self._with.client.update_flow_run_labels(self.flow_run.id, self._with.labels)
        except Exception as error:  # noqa: BLE001 - it only informs; the run goes on without it
            _logger.debug("Could not describe flow run %s: %s", self.flow_run.id, error)

    async def _set_running(self, state: State[Any]) -> bool:
        """Whether the server answered. A refusal may be the first sign of a cancellation."""
        try:
            answer: OrchestrationResult[Any] = await self._with.client.set_flow_run_state(self.flow_run.id, state)
        except Exception as error:  # noqa: BLE001 - it only informs; the run goes on without it
            _logger.debug("Could not set flow run %s Running: %s", self.flow_run.id, error)
            return False
        if answer.status == SetStateStatus.ACCEPT:
            self._is_shown = True
            self._with.note_known(self.flow_run.id)
        now = answer.state
        if answer.status != SetStateStatus.ACCEPT and now and (now.is_cancelled() or now.is_cancelling()):
            self.cancel(already_set=now.is_cancelled())
        return True

    async def _conclude(self, event: RunPerformed | LaneEnd) -> None:
        """Set the state in which the run ends."""
        states = self._with.states
        if isinstance(event, RunPerformed) and event.is_left:
            return
        if self._cancelled_already:
            if self._is_shown and self._claimed is None:  # Running may have followed the cancellation
                await states.set_cancelled(self.flow_run.id)
            return
        state = State[Any].model_validate(event.state) if isinstance(event, RunPerformed) and event.state else None
        if state is not None and not (state.is_scheduled() and self._ending == "cancelled"):
            answer = await states.set_surely(self.flow_run.id, state)
            if answer is not None and answer.is_cancelling():  # too late, but Prefect lets it end in no other way
                await states.set_cancelled(self.flow_run.id)
        elif self._ending == "cancelled":
            await states.set_cancelled(self.flow_run.id)
        else:
            await states.set_crashed(self.flow_run.id, self._cause_of_death(event))

    def _cause_of_death(self, event: RunPerformed | LaneEnd) -> str:
        if self._ending == "shutdown":
            return WORKER_STOPPED
        if isinstance(event, RunPerformed):
            return event.error or "The run was interrupted."
        if event.reason:
            return f"The lane of the run was killed. {event.reason}."
        return f"The lane of the run {process_control.describe_exit(event.process.status)}."
