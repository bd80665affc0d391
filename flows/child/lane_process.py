"""A lane: one process that performs many runs at once, each as a coroutine on its event loop.

For runs that wait more than they compute. Stores, the client of Prefect and the pulse are opened once for all of
them. The lane knows its runs and nothing of states: the worker claims them, sets their states, watches this process
and ends it when its loop is blocked or its memory grows.
"""

from __future__ import annotations

import asyncio
import os
import socket
import traceback
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, Literal, NoReturn

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

from falcon_scheduler.adapters.prefect.own_run import LONGEST_MESSAGE, End, PrefectOwnRun
from falcon_scheduler.adapters.prefect.queue_order import scheduled_again
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.core.services.runs.run_types import Ending
from falcon_scheduler.core.services.runs.shared_pulse import SharedPulse
from falcon_scheduler.flows import prefect_internals
from falcon_scheduler.flows.child import run_client
from falcon_scheduler.flows.child.fresh_process import flush, settle_in
from falcon_scheduler.flows.entrypoints import OF_NAME
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.channel import LaneChannel
from falcon_scheduler.flows.interprocess.messages import (
    AskClaim,
    AskShared,
    ClaimAnswer,
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
from falcon_scheduler.flows.run_task import perform, settled
from falcon_scheduler.flows.runtime import Runtime, open_runtime, shared

ALIVE_EVERY_SECONDS = 1.0
PROCESS_NAME = "falcon-lane"


def main(descriptor: int) -> NoReturn:
    """Perform the runs that come over this descriptor until the worker closes it. For a freshly forked process."""
    status = 1
    try:
        channel = LaneChannel(socket.socket(fileno=descriptor))
        settle_in()
        process_control.name_process(PROCESS_NAME)
        process_control.limit_memory(process_control.fair_share_mb())
        prefect_internals.ship_logs_to(lambda log: channel.send(LogRecord(log)))
        asyncio.run(_serve(channel))
        status = 0
    except BaseException:  # noqa: BLE001 - the process ends here; its output is all that is left
        traceback.print_exc()
    finally:
        flush()
        os._exit(status)


async def _serve(channel: LaneChannel) -> None:
    async with PrefectClient(**run_client.client_settings()) as client, open_runtime(SharedPulse) as runtime:
        with prefect_internals.async_client_context(client):
            await Lane(channel, runtime, client).serve()


class _Run:
    """One run of a lane."""

    def __init__(self, flow_run: FlowRun, flow: str, performer: str) -> None:
        self.flow_run = flow_run
        self.performer = performer
        self.claimed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.flow = OF_NAME[flow]
        self.id = str(flow_run.id)
        self.reason: Literal["cancelled", "shutdown"] | None = None
        self.task: asyncio.Task[End | None] | None = None

    def interrupt(self, reason: Literal["cancelled", "shutdown"]) -> None:
        if self.reason is None and self.task is not None:
            self.reason = reason
            self.task.cancel()


class Lane:
    """Performs the runs that its channel brings."""

    def __init__(self, channel: LaneChannel, runtime: Runtime, client: PrefectClient) -> None:
        self._channel = channel
        self._runtime = runtime
        self._client = client
        self._runs: dict[str, _Run] = {}
        self._asked: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until the worker closes the channel.

        Raises:
            DamagedMessage, ProtocolMismatch: see `message_format.Reader.decode`.
        """
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._channel.fileno(), self._read, over)
        alive = loop.create_task(self._report_alive())
        await over
        alive.cancel()

    def _read(self, over: asyncio.Future[None]) -> None:
        try:
            for message in self._channel.received():
                match message:
                    case Perform():
                        self._begin(message)
                    case AskShared():
                        self._spawn(self._answer(message))
                    case ClaimAnswer() | Interrupt():
                        self._take_of_run(message)
        except Exception as error:  # noqa: BLE001 - raised again by `serve`, which ends the process
            if not over.done():
                over.set_exception(error)
        if self._channel.is_cut and not over.done():
            over.set_result(None)

    def _take_of_run(self, message: ClaimAnswer | Interrupt) -> None:
        run = self._runs.get(message.flow_run_id)
        if run is None:
            return
        if isinstance(message, Interrupt):
            run.interrupt(message.reason)
        elif not run.claimed.done():
            run.claimed.set_result(message.is_won)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _answer(self, asked: AskShared) -> None:
        """Of what can't be read nothing is performed here: a process of its own does that as well."""
        found: Sequence[str] = ()
        with suppress(SchedulerError):
            found = await shared(asked.deployment_ids, self._runtime.tasks)
        self._channel.send(Shared(asked.number, [*found]))

    def _begin(self, message: Perform) -> None:
        document = message.flow_run
        try:
            run = _Run(FlowRun.model_validate(document), message.flow, message.performer)
        except (KeyError, ValueError) as error:
            self._channel.send(RunPerformed(str(document.get("id")), None, f"The run can't be read: {error}"))
            return
        self._runs[run.id] = run
        run.task = asyncio.get_running_loop().create_task(self._state_after(run), name=f"run {run.id}")
        run.task.add_done_callback(lambda task: self._report_end(run, task))

    def _report_end(self, run: _Run, task: asyncio.Task[End | None]) -> None:
        """However a run ends, report it to the worker: also when it was interrupted before its first step."""
        del self._runs[run.id]
        document: dict[str, Any] | None = None
        error: str | None = None
        is_left = False
        if task.cancelled():
            error = None if run.reason else "The run was interrupted"
        elif (failure := task.exception()) is not None:
            error = f"{type(failure).__name__}: {failure}"
            log = prefect_internals.flow_run_logger(run.flow_run)
            log.error("The run broke off:\n%s", "".join(traceback.format_exception(failure)))
        else:
            is_left = (state := task.result()) is None
            document = state.model_dump(mode="json") if state is not None else None
        self._channel.send(RunPerformed(run.id, document, error, is_left))

    async def _state_after(self, run: _Run) -> End | None:
        """The state in which it ends, or None when it has not begun and is nobody's."""

        async def show_retry(message: str) -> None:
            self._channel.send(RunRetries(run.id, message[:LONGEST_MESSAGE]))

        def work_over() -> None:
            if run.reason is not None:
                self._channel.send(WorkOver(run.id))

        async def claim() -> bool:
            self._channel.send(AskClaim(run.id))
            return await run.claimed

        with prefect_internals.flow_run_context(run.flow, run.flow_run, self._client):
            own_run = PrefectOwnRun.current()
            outcome = await perform(
                own_run,
                str(run.flow_run.parameters.get("task_id", "")),
                run.flow_run.parameters.get("parameters"),
                self._runtime,
                is_cancelled=lambda: run.reason == "cancelled",
                show_retry=show_retry,
                work_begins=lambda: self._channel.send(RunBegan(run.id)),
                work_over=work_over,
                performer=run.performer,
                claim=claim,
            )
            if outcome.ending is Ending.LEFT:
                return None
            return scheduled_again() if outcome.ending is Ending.GAVE_WAY else await settled(own_run, outcome)

    async def _report_alive(self) -> None:
        while True:
            self._channel.send(LaneAlive(process_control.resident_memory_mb()))
            await asyncio.sleep(ALIVE_EVERY_SECONDS)
