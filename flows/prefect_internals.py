"""What flows use of Prefect that Prefect does not document: the only module here that names it, but for the worker's.

Each name says what it is used for. `tests/worker/test_prefect_internals.py` lists the private ones together with what
breaks without them, and fails when another module uses one. What Prefect keeps private in its worker class is used in
`flows/worker/worker.py` alone, as the other processes must not load that class.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from prefect._flow_run_suspension import (
    FlowRunSuspensionRequest,
    mark_flow_run_suspension_requested,
    register_flow_run_suspension_request,
)
from prefect._internal import control_listener
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import AsyncClientContext, FlowRunContext, SyncClientContext, refresh_global_settings_context
from prefect.engine import _drive_run_flow_result
from prefect.events.worker import EventsWorker
from prefect.flow_engine import AsyncFlowRunEngine, FlowRunEngine, _flow_parameters, load_flow, run_flow
from prefect.flows import Flow
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import set_api_log_sink
from prefect.logging.loggers import flow_run_logger

__all__ = ["flow_run_logger", "load_flow", "setup_logging"]  # public in Prefect, and in no page of its documentation

FLOW_RUN_ID_VARIABLE = "PREFECT__FLOW_RUN_ID"
"""Names the flow run to Prefect's runtime context in a process, and to the programs that it starts."""
WORKER_NAME_VARIABLE = "PREFECT__WORKER_NAME"
"""Set by Prefect's worker class; the execution is attributed to the worker by it."""
CRASH_HOOKS_VARIABLE = "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS"
"""`false` keeps Prefect's engine from running the hooks of cancellations: `lean_engine` runs them itself, once."""
_INTERNAL_VARIABLES = "PREFECT__"

LOG_SIZE_KEY = "__payload_size__"
"""Prefect's log handler puts the size of a record in it; the API does not accept it."""

CONCURRENCY_LIMIT_MESSAGE = "Deployment concurrency limit reached."
"""State message of a run that was refused because another of its deployment is active: such a run is a skipped one.
Source: prefect.server.orchestration.core_policy, SecureFlowConcurrencySlots."""

HEARTBEAT_EVENT = "prefect.flow-run.heartbeat"
"""Without it automations take a running flow run for a zombie. Source: prefect.flow_engine."""


END_OF_RUN_TEXT = "Finished in state"
"""How the engine's log line about the end of a run begins. It logs every end but Completed as an error."""


def is_setting(name: str) -> bool:
    """Whether an environment variable is one of Prefect's settings, which its settings context is made from."""
    return name.startswith("PREFECT_") and not name.startswith(_INTERNAL_VARIABLES)


def reload_settings() -> None:
    """Make Prefect's settings context anew from the environment: a forked process inherits that of its parent."""
    refresh_global_settings_context()


def ship_logs_to(ship: Callable[[dict[str, Any]], None] | None) -> None:
    """Give every log record that Prefect sends to its API to a function instead; `None` undoes it."""
    set_api_log_sink(ship)


def log_end_as_information(flow_run_id: str) -> None:
    """Make Prefect's engine log the end of this run as information, for an end that is no failure."""
    logging.getLogger("prefect.flow_runs").addFilter(_EndAsInformation(flow_run_id))


class _EndAsInformation(logging.Filter):
    def __init__(self, flow_run_id: str) -> None:
        super().__init__()
        self._flow_run_id = flow_run_id

    def filter(self, record: logging.LogRecord) -> bool:
        is_end = str(record.msg).startswith(END_OF_RUN_TEXT)
        if is_end and str(getattr(record, "flow_run_id", "")) == self._flow_run_id:
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        return True


def send_remaining_events(timeout_seconds: float) -> None:
    """Send the events that wait in this process, if it has emitted any: a worker thread is started only then."""
    if getattr(EventsWorker, "_instances", None):
        EventsWorker.drain_all(timeout=timeout_seconds)


def is_cancelled_by_worker() -> bool:
    """Whether Prefect's own process worker has notified this process that its run is cancelled."""
    return control_listener.get_intent() == "cancel"


def note_cancellation() -> None:
    """Let Prefect's engine take the coming interruption for a cancellation, not for a crash."""
    control_listener._set_intent("cancel")


def note_suspension(flow_run_id: UUID) -> None:
    """Let Prefect's engine stop the run at its next step, as its own observer would."""
    mark_flow_run_suspension_requested(flow_run_id, State[Any](type=StateType.PAUSED, name="Suspended"))


class WithoutIdleParts:
    """What both engines leave out: the heartbeat thread, and the websocket on which a run waits for a suspension."""

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


class AsyncEngine(WithoutIdleParts, AsyncFlowRunEngine[..., Any]):
    """Prefect's engine of async flows."""

    def note_raised(self, error: BaseException) -> None:
        """Have the engine re-raise this at its end."""
        self._raised = error  # type: ignore[assignment]


class SyncEngine(WithoutIdleParts, FlowRunEngine[..., Any]):
    """Prefect's engine of sync flows."""


def parameters_of(flow: Flow[..., Any], flow_run: FlowRun) -> dict[str, Any]:
    """The parameters of a run as its flow takes them: coerced to its types, with its defaults."""
    parameters: dict[str, Any] = _flow_parameters(flow, flow_run, None)
    return parameters


def run_generator(flow: Flow[..., Any], flow_run: FlowRun) -> None:
    """Run a flow that is a generator to its end."""
    _drive_run_flow_result(flow, run_flow(flow, flow_run=flow_run))


def async_client_context(client: PrefectClient) -> AsyncClientContext:
    """The context from which Prefect's engine takes this client. It opens and closes none of its own."""
    return AsyncClientContext.model_construct(client=client)


def flow_run_context(flow: Flow[..., Any], flow_run: FlowRun, client: PrefectClient) -> FlowRunContext:
    """The context of a run that no engine of Prefect drives: loggers, artifacts and `prefect.runtime` work in it."""
    values: dict[str, Any] = {"flow": flow, "flow_run": flow_run, "client": client}
    return FlowRunContext.model_construct(**values, parameters=flow_run.parameters)


def renew_csrf_identity(*clients: PrefectClient | SyncPrefectClient) -> None:
    """Give clients that were made before a fork a name of their own: the server keeps one token for each name."""
    for client in clients:
        http: Any = client._client
        http.csrf_client_id = uuid4()


@contextmanager
def sync_client_context(client: SyncPrefectClient) -> Iterator[None]:
    """See `async_client_context`. Entering Prefect's own context manager would open the client once more."""
    token = SyncClientContext.__var__.set(SyncClientContext.model_construct(client=client))
    try:
        yield
    finally:
        SyncClientContext.__var__.reset(token)


def heartbeat_of(flow_run: FlowRun) -> dict[str, Any]:
    """The heartbeat event of a run, as keywords of `prefect.events.emit_event`."""
    related = [{"prefect.resource.id": f"prefect.flow.{flow_run.flow_id}", "prefect.resource.role": "flow"}]
    if flow_run.deployment_id is not None:
        deployment = f"prefect.deployment.{flow_run.deployment_id}"
        related.append({"prefect.resource.id": deployment, "prefect.resource.role": "deployment"})
    return {
        "event": HEARTBEAT_EVENT,
        "resource": {
            "prefect.resource.id": f"prefect.flow-run.{flow_run.id}",
            "prefect.resource.name": flow_run.name,
        },
        "related": related,
    }
