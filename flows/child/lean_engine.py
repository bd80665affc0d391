"""Prefect's flow engine, driven over one run without the parts that cost time and serve nothing here.

Left out: the heartbeat thread (the worker's own word stands for its runs), the observer that opens a websocket per
run to learn of suspensions (the worker watches events for all of them), and calls whose answers are known. States,
hooks, results, retries and logs are Prefect's own. The state of a cancelled run is set by the worker, once the
process is proven dead.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import traceback
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
from anyio import CancelScope
from prefect._flow_run_suspension import (
    FlowRunSuspensionRequest,
    mark_flow_run_suspension_requested,
    register_flow_run_suspension_request,
)
from prefect._internal import control_listener
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.engine import _drive_run_flow_result
from prefect.exceptions import Abort, Pause, TerminationSignal
from prefect.flow_engine import AsyncFlowRunEngine, FlowRunEngine, _flow_parameters, load_flow, run_flow
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger
from prefect.states import Cancelling, Crashed

from falcon_scheduler.adapters.prefect.names import AWAITING_TURN
from falcon_scheduler.flows import termination
from falcon_scheduler.flows.child.run_client import KnownRun, RunClient, SyncRunClient
from falcon_scheduler.flows.interprocess.channel import Message, RunChannel

WORKER_STOPPED = "The worker was stopped while the run was under way."


@dataclass
class Run:
    """One run, as its process sees it."""

    flow_run: FlowRun
    entrypoint: str | None
    """Module path of the flow, or `None` when Prefect has to find the flow by its deployment."""
    channel: RunChannel
    result_storage_id: UUID | None = None
    transport: httpx.MockTransport | None = None
    """For a rehearsal: answers in the server's place."""

    @property
    def known(self) -> KnownRun:
        """What the clients of this run need not ask."""
        return KnownRun(self.flow_run, self.result_storage_id, self.transport)


def state_from(document: Message) -> State[Any]:
    """A state as the worker passed it on."""
    return State.model_validate(document)


def note_termination() -> None:
    """Tell Prefect's engine that a cancellation is meant, so that it takes one for a cancellation, not a crash."""
    if termination.reason() == "cancelled":
        control_listener._set_intent("cancel")


def note_suspension() -> None:
    """Have Prefect's engine stop the run at its next step, as its own observer would."""
    suspended = State[Any](type=StateType.PAUSED, name="Suspended")
    mark_flow_run_suspension_requested(UUID(os.environ["PREFECT__FLOW_RUN_ID"]), suspended)


def load(run: Run) -> Flow[..., Any]:
    """The flow of a run, imported if it was not before."""
    os.environ["PREFECT__FLOW_RUN_ID"] = str(run.flow_run.id)
    os.environ["PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS"] = "false"
    if run.entrypoint is None:
        return load_flow(run.flow_run)
    module, _, name = run.entrypoint.rpartition(".")
    flow = getattr(importlib.import_module(module), name)
    if not isinstance(flow, Flow):
        raise TypeError(f"{run.entrypoint} is not a flow")
    return flow


class _Lean:
    """What both engines leave out."""

    flow_run: FlowRun | None

    @property
    def heartbeat_seconds(self) -> int | None:
        return None

    @contextmanager
    def setup_flow_run_suspension_request(self) -> Generator[FlowRunSuspensionRequest, None, None]:
        request: FlowRunSuspensionRequest = self._get_flow_run_suspension_request()  # type: ignore[attr-defined]
        if self.flow_run is None:
            raise ValueError("the engine has no flow run")
        with register_flow_run_suspension_request(self.flow_run.id, request):
            request.raise_if_requested()
            yield request


class LeanAsyncEngine(_Lean, AsyncFlowRunEngine[..., Any]):
    """Prefect's async engine, without the idle parts."""

    async def handle_crash(self, exc: BaseException) -> None:
        if termination.reason() != "shutdown":
            await super().handle_crash(exc)
            return
        with CancelScope(shield=True):
            await self.set_state(Crashed(message=WORKER_STOPPED), force=True)
            self._raised = exc  # type: ignore[assignment]

    async def handle_cancellation(self, exc: BaseException) -> None:
        await super().handle_cancellation(exc)
        with CancelScope(shield=True):
            for hook in self.flow.on_cancellation_hooks or []:
                outcome = hook(self.flow, self.flow_run, Cancelling())  # type: ignore[arg-type]
                if asyncio.iscoroutine(outcome):
                    await outcome


class LeanSyncEngine(_Lean, FlowRunEngine[..., Any]):
    """Prefect's sync engine, without the idle parts."""

    def handle_cancellation(self, exc: BaseException) -> None:
        super().handle_cancellation(exc)
        for hook in self.flow.on_cancellation_hooks or []:
            hook(self.flow, self.flow_run, Cancelling())  # type: ignore[arg-type]


async def run_async(run: Run, flow: Flow[..., Any]) -> int:
    """Run an async flow to its end and tell the worker how it ended. Returns the process's exit code."""
    engine: LeanAsyncEngine | None = None
    with _reported(run, lambda: engine):
        async with _async_client(run.known):
            parameters = _flow_parameters(flow, run.flow_run, None)
            engine = LeanAsyncEngine(flow=flow, parameters=parameters, flow_run=run.flow_run)
            async with engine.start():
                while engine.is_running():
                    async with engine.run_context():
                        _ = await engine.call_flow_fn()
    return 0


def run_blocking(run: Run, flow: Flow[..., Any]) -> int:
    """Run a sync flow, or a generator, to its end. Returns the process's exit code."""
    engine: LeanSyncEngine | None = None
    with _reported(run, lambda: engine), _sync_client(run.known):
        if flow.isgenerator:
            _drive_run_flow_result(flow, run_flow(flow, flow_run=run.flow_run))
            return 0
        parameters = _flow_parameters(flow, run.flow_run, None)
        engine = LeanSyncEngine(flow=flow, parameters=parameters, flow_run=run.flow_run)
        with engine.start():
            while engine.is_running():
                with engine.run_context():
                    engine.call_flow_fn()
    return 0


@contextmanager
def _reported(run: Run, engine: Any) -> Iterator[None]:
    """Tell the worker how the engine ended: by a state, by the server's word, by our own request, or by an error."""
    error: str | None = None
    try:
        yield
    except (Abort, Pause, TerminationSignal, asyncio.CancelledError):
        pass
    except Exception as failure:  # noqa: BLE001 - whatever the engine lets out, the worker has to hear of it
        error = f"{type(failure).__name__}: {failure}"
        if not _is_settled(engine()):
            flow_run_logger(run.flow_run).error("The run broke off:\n%s", traceback.format_exc())
    state = engine().state if engine() else run.flow_run.state
    run.channel.send(
        "ended",
        state_type=state.type.value if state else None,
        settled=_is_settled(engine()),
        error=error,
    )


def _is_settled(engine: Any) -> bool:
    """Whether the server holds a state that needs nothing more from anyone."""
    if engine is None or not engine.state:
        return False
    gave_way = engine.state.is_scheduled() and engine.state.name == AWAITING_TURN
    return gave_way or bool(engine.state.is_final() or engine.state.is_paused())


@asynccontextmanager
async def _async_client(known: KnownRun) -> AsyncIterator[None]:
    async with RunClient(known) as client:
        context = AsyncClientContext.model_construct(client=client)
        claim = known.flow_run.state
        lease_id = claim.state_details.deployment_concurrency_lease_id if claim else None
        with context, _sync_client(replace(known, deferred_lease_id=lease_id)):
            yield


@contextmanager
def _sync_client(known: KnownRun) -> Iterator[None]:
    with SyncRunClient(known) as client:
        context = SyncClientContext.model_construct(client=client)
        token = SyncClientContext.__var__.set(context)
        try:
            yield
        finally:
            SyncClientContext.__var__.reset(token)
