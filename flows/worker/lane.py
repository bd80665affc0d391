"""One lane as its worker sees it: gives it runs, follows what it sends, and watches it. Knows nothing of Prefect.

A lane that sends no sign of life has a blocked loop: it is killed. One that has grown past its bound gets no more
runs, and is killed when it grows on. What a lane did not finish is handed to `LaneEnd`, once nothing of it is left.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from falcon_scheduler.flows.interprocess.message_format import DamagedMessage, ProtocolMismatch
from falcon_scheduler.flows.interprocess.messages import (
    AskClaim,
    AskShared,
    ClaimAnswer,
    FromLane,
    Interrupt,
    LaneAlive,
    LogRecord,
    Perform,
    RunBegan,
    RunPerformed,
    RunRetries,
    Shared,
    WorkOver,
)
from falcon_scheduler.flows.termination import Reason
from falcon_scheduler.flows.worker.forked_process import ProcessEnd
from falcon_scheduler.flows.worker.forkserver_connection import LaneProcess
from falcon_scheduler.flows.worker.log_shipping import LogShipper

BLOCKED_AFTER = timedelta(seconds=10)
"""A loop that sends no sign of life for this long is blocked."""
_UNUSABLE_AFTER = timedelta(seconds=5)
_CHECK_SECONDS = 1.0
_LONGEST_STEP_SECONDS = 2.0
"""The most that one check adds to the silence: a worker that was stopped itself has read no messages."""
_ANSWERS_WITHIN_SECONDS = 2.0
_KILLED_AT_TIMES = 2
"""Multiple of its bound at which a lane is killed."""

_logger = logging.getLogger("falcon.worker.lane")
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class LaneEnd:
    """The lane is gone, and with it the run."""

    process: ProcessEnd
    reason: str
    """Why the worker killed it; empty when it died by itself."""


Event = AskClaim | RunBegan | RunRetries | RunPerformed | LaneEnd


class LaneRun:
    """A run in a lane: what it reports, in order."""

    def __init__(self, flow_run_id: str, lane: Lane) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.is_at_work = True
        """Whether anything of it may be at work. What follows the work writes its end, and is bounded by itself."""
        self._id = flow_run_id
        self._lane = lane

    def interrupt(self, reason: Reason) -> None:
        """Ask it to end."""
        self._lane.process.channel.send(Interrupt(self._id, reason))

    def kill(self) -> None:
        """End it for certain: with its lane, and so with all runs in it. Nothing happens once its work is over."""
        if not self.is_at_work:
            return
        _logger.warning("Flow run %s did not end within its grace: its lane is killed", self._id)
        self._lane.kill("A run in the same lane did not end within its grace")

    def answer_claim(self, *, is_won: bool) -> None:
        """Answer an `AskClaim`."""
        self._lane.process.channel.send(ClaimAnswer(self._id, is_won))

    def note_settled(self) -> None:
        """Its end is in Prefect."""
        self._lane.process.note_settled(self._id)


class Lane:
    """One lane process and its runs."""

    def __init__(self, process: LaneProcess, logs: LogShipper, memory_bound_mb: int) -> None:
        self.process = process
        self.is_retired = False
        """Whether it gets no more runs. It is closed after its last one."""
        self._logs = logs
        self._bound_mb = memory_bound_mb
        self._runs: dict[str, LaneRun] = {}
        self._silence_seconds = 0.0
        self._killed_for = ""
        self._has_reported = False
        self._is_cut = False
        self._asked: dict[int, asyncio.Future[frozenset[str]]] = {}
        self._following = asyncio.create_task(self._follow())

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def is_usable(self) -> bool:
        """Whether it takes runs. One that has fallen silent gets none: they would be lost if it has to be killed."""
        is_silent = self._has_reported and self._silence_seconds > _UNUSABLE_AFTER.total_seconds()
        return not (self.is_retired or self._killed_for or self._is_cut or is_silent)

    async def shared_of(self, deployment_ids: Sequence[str]) -> frozenset[str] | None:
        """The deployments whose runs it would perform; `None` when it does not answer."""
        number = next(_numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self.process.channel.send(AskShared(number, [*deployment_ids]))
            async with asyncio.timeout(_ANSWERS_WITHIN_SECONDS):
                return await self._asked[number]
        except TimeoutError:
            return None
        finally:
            del self._asked[number]

    def perform(self, flow_run_id: str, flow_run: dict[str, Any], flow: str, performer: str = "") -> LaneRun:
        """Have it perform a run that is claimed, or one that is not, under the name of its performer."""
        run = self._runs[flow_run_id] = LaneRun(flow_run_id, self)
        self.process.note_claim(flow_run_id)
        self.process.channel.send(Perform(flow_run, flow, performer))
        return run

    def retire(self) -> None:
        """Give it no more runs."""
        self.is_retired = True
        self._close_when_empty()

    def kill(self, reason: str) -> None:
        """End it, with all of its runs."""
        if not self._killed_for and not self.process.is_over:
            _logger.warning("A lane is killed with %d runs: %s", len(self._runs), reason)
            self._killed_for = reason
            self.process.signal(signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until nothing of it is left and its runs know."""
        await asyncio.shield(self._following)

    def _close_when_empty(self) -> None:
        if self.is_retired and not self._runs:
            self.process.channel.close()

    async def _follow(self) -> None:
        watching = asyncio.create_task(self._watch())
        try:
            async for message in self.process.channel.messages():
                self._has_reported, self._silence_seconds = True, 0.0
                self._take(message)
        except (DamagedMessage, ProtocolMismatch) as error:
            self.kill(f"It sent a damaged message: {error}")
        except Exception:
            _logger.exception("What a lane sent could not be used")
            self.kill("What it sent could not be used")
        self._is_cut = True
        end = await self._end()
        watching.cancel()
        runs, self._runs = self._runs, {}
        for run in runs.values():
            run.events.put_nowait(LaneEnd(end, self._killed_for))
        self.process.channel.close()

    async def _end(self) -> ProcessEnd:
        """How it ended. One that closed its channel and goes on is killed."""
        try:
            async with asyncio.timeout(BLOCKED_AFTER.total_seconds()):
                return await self.process.ended()
        except TimeoutError:
            self.kill("It would not end")
            return await self.process.ended()

    def _take(self, message: FromLane) -> None:
        match message:
            case LogRecord():
                self._logs.add(message.log)
            case LaneAlive():
                self._check_memory(message.memory_mb)
            case Shared():
                if (answer := self._asked.get(message.number)) is not None and not answer.done():
                    answer.set_result(frozenset(message.deployment_ids))
            case AskClaim() | RunBegan() | RunRetries() | WorkOver() | RunPerformed():
                self._take_of_run(message)

    def _take_of_run(self, message: AskClaim | RunBegan | RunRetries | WorkOver | RunPerformed) -> None:
        run = self._runs.get(message.flow_run_id)
        if run is not None and isinstance(message, WorkOver | RunPerformed):
            run.is_at_work = False
        if run is not None and not isinstance(message, WorkOver):
            run.events.put_nowait(message)
        if isinstance(message, RunPerformed):
            self._runs.pop(message.flow_run_id, None)
            self._close_when_empty()

    def _check_memory(self, memory_mb: int) -> None:
        if memory_mb > _KILLED_AT_TIMES * self._bound_mb:
            self.kill(f"It uses {memory_mb} MB, more than {_KILLED_AT_TIMES} times its bound")
        elif memory_mb > self._bound_mb and not self.is_retired:
            _logger.warning("A lane uses %d MB, more than its bound, and gets no more runs", memory_mb)
            self.retire()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        checked_at = loop.time()
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            now = loop.time()
            self._silence_seconds += min(now - checked_at, _LONGEST_STEP_SECONDS)
            checked_at = now
            if self._silence_seconds > BLOCKED_AFTER.total_seconds():
                self.kill("Its loop was blocked")
