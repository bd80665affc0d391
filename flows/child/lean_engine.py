"""Prefect's flow engine, driven over one run without the parts that cost time and are not needed here.

Left out: the heartbeat thread (the worker sends the heartbeats of its runs), the observer that opens a websocket per
run to learn of suspensions (the worker watches events for all of them), and calls whose answers are known. States,
hooks, results, retries and logs are Prefect's own. The state of a cancelled run is set by the worker, once the
process is proven dead.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from anyio import CancelScope
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.flows import Flow
from prefect.states import Cancelling, Crashed

from falcon_scheduler.adapters.prefect.names import AWAITING_TURN
from falcon_scheduler.flows import prefect_internals, termination
from falcon_scheduler.flows.child.run_client import KnownRun, SyncRunClient, clients_of
from falcon_scheduler.flows.interprocess.channel import RunChannel
from falcon_scheduler.flows.interprocess.messages import RunEnded
from falcon_scheduler.flows.prefect_internals import CRASH_HOOKS_VARIABLE, FLOW_RUN_ID_VARIABLE


@dataclass
class Run:
    """One run, as its process sees it."""

    flow_run: FlowRun
    entrypoint: str | None
    """Module path of the flow, or `None` when Prefect has to find the flow by its deployment."""
    channel: RunChannel
    result_storage_id: UUID | None = None
    transport: httpx.MockTransport | None = None
    """Answers in the server's place, for the warm-up run."""
    is_shown_late: bool = False
    """Whether it is set Running in Prefect only once it has lasted."""

    @property
    def known(self) -> KnownRun:
        """What the clients of this run need not request."""
        return KnownRun(self.flow_run, self.result_storage_id, self.transport, is_shown_late=self.is_shown_late)


def state_from(document: dict[str, Any]) -> State[Any]:
    """A state as the worker passed it on."""
    return State.model_validate(document)


def note_termination() -> None:
    """Report a cancellation to Prefect's engine, which otherwise takes the interruption for a crash."""
    if termination.reason() == "cancelled":
        prefect_internals.note_cancellation()


def load(run: Run) -> Flow[..., Any]:
    """The flow of a run, imported if it was not before."""
    os.environ[FLOW_RUN_ID_VARIABLE] = str(run.flow_run.id)
    os.environ[CRASH_HOOKS_VARIABLE] = "false"
    if run.entrypoint is None:
        return prefect_internals.load_flow(run.flow_run)
    module, _, name = run.entrypoint.rpartition(".")
    flow = getattr(importlib.import_module(module), name)
    if not isinstance(flow, Flow):
        raise TypeError(f"{run.entrypoint} is not a flow")
    return flow


class LeanAsyncEngine(prefect_internals.AsyncEngine):
    """Prefect's async engine, with the ends that a worker of ours gives its runs."""

    async def handle_crash(self, exc: BaseException) -> None:
        if termination.reason() != "shutdown":
            await super().handle_crash(exc)
            return
        with CancelScope(shield=True):
            await self.set_state(Crashed(message=termination.WORKER_STOPPED), force=True)
            self.note_raised(exc)

    async def handle_cancellation(self, exc: BaseException) -> None:
        await super().handle_cancellation(exc)
        with CancelScope(shield=True):
            for hook in self.flow.on_cancellation_hooks or []:
                outcome = hook(self.flow, self.flow_run, Cancelling())  # type: ignore[arg-type]
                if asyncio.iscoroutine(outcome):
                    await outcome


class LeanSyncEngine(prefect_internals.SyncEngine):
    """Prefect's sync engine, with the ends that a worker of ours gives its runs."""

    def handle_cancellation(self, exc: BaseException) -> None:
        super().handle_cancellation(exc)
        for hook in self.flow.on_cancellation_hooks or []:
            hook(self.flow, self.flow_run, Cancelling())  # type: ignore[arg-type]


async def run_async(run: Run, flow: Flow[..., Any]) -> int:
    """Run an async flow to its end and report the end to the worker. Returns the process's exit code."""
    engine: LeanAsyncEngine | None = None
    with _reported(run, lambda: engine):
        async with _async_client(run.known):
            parameters = prefect_internals.parameters_of(flow, run.flow_run)
            engine = LeanAsyncEngine(flow=flow, parameters=parameters, flow_run=run.flow_run)
            async with engine.start():
                while engine.is_running():
                    async with engine.run_context():
                        _ = await engine.call_flow_fn()
    return 0


def run_blocking(run: Run, flow: Flow[..., Any]) -> int:
    """Run a sync flow, or a generator, to its end. Returns the process's exit code."""
    engine: LeanSyncEngine | None = None
    with _reported(run, lambda: engine), _sync_client(SyncRunClient(run.known)):
        if flow.isgenerator:
            prefect_internals.run_generator(flow, run.flow_run)
            return 0
        parameters = prefect_internals.parameters_of(flow, run.flow_run)
        engine = LeanSyncEngine(flow=flow, parameters=parameters, flow_run=run.flow_run)
        with engine.start():
            while engine.is_running():
                with engine.run_context():
                    engine.call_flow_fn()
    return 0


@contextmanager
def _reported(run: Run, engine: Callable[[], LeanAsyncEngine | LeanSyncEngine | None]) -> Iterator[None]:
    """Report to the worker how the engine ended: whether Prefect has the end, and which error the engine let out."""
    error: str | None = None
    try:
        yield
    except (Abort, Pause, TerminationSignal, asyncio.CancelledError):
        pass
    except Exception as failure:  # noqa: BLE001 - the worker must get every error of the engine
        error = f"{type(failure).__name__}: {failure}"
        if not _is_settled(engine()):
            log = prefect_internals.flow_run_logger(run.flow_run)
            log.error("The run broke off:\n%s", traceback.format_exc())
    run.channel.send(RunEnded(settled=_is_settled(engine()), error=error))


def _is_settled(engine: LeanAsyncEngine | LeanSyncEngine | None) -> bool:
    """Whether the server holds a state that needs nothing more from anyone."""
    if engine is None or not engine.state:
        return False
    gave_way = engine.state.is_scheduled() and engine.state.name == AWAITING_TURN
    return gave_way or bool(engine.state.is_final() or engine.state.is_paused())


@asynccontextmanager
async def _async_client(known: KnownRun) -> AsyncIterator[None]:
    client, sync_client = clients_of(known)
    async with client:
        with prefect_internals.async_client_context(client), _sync_client(sync_client):
            yield


@contextmanager
def _sync_client(client: SyncRunClient) -> Iterator[None]:
    with client, prefect_internals.sync_client_context(client):
        yield
