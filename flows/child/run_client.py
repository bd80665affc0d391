"""Prefect API clients of one run, which do not request what the worker has sent already.

Prefect's engine reads its flow run anew, writes a policy that is seldom anything but empty, and asks for the
server's default result storage twice. The worker knows all of it. Everything else goes to the server as usual.
"""

from __future__ import annotations

import itertools
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import certifi
import httpx
from prefect.client.orchestration import PrefectClient, SyncPrefectClient
from prefect.client.schemas import OrchestrationResult
from prefect.client.schemas.objects import FlowRun, FlowRunPolicy, ServerDefaultResultStorage, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_SSL_CERT_FILE, PREFECT_API_URL

from falcon_scheduler.adapters.prefect.names import RETRYING
from falcon_scheduler.core.retrying import retried, retried_blocking
from falcon_scheduler.flows import prefect_internals
from falcon_scheduler.flows.child.late_running import LateRunning

_PAUSES = [timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 4, 8, 15, 30)]
"""Pauses between attempts to set a state: a restart of the server does not end a run."""

_FIRST_RENEWAL_SECONDS = 10.0
"""Age of a run at which the lease of its deployment's slot is renewed first. Most runs are over by then; Prefect's
engine renews as soon as it begins. The lease lasts 300 s, and 30 s at least."""

_RENEWED_AGAIN_AFTER = timedelta(seconds=5)

_AWAY = (httpx.TransportError, httpx.HTTPStatusError)
"""What a call raises while Prefect is away or failing, and when it refuses: see `_is_refusal`."""

_tls: ssl.SSLContext | None = None
_built: list[tuple[RunClient, SyncRunClient]] = []
"""The clients of this process, if they were built before the fork and nobody has taken them yet."""
_kept: list[object] = []
"""A type that Prefect's engine names at each state. Pydantic makes such a type anew once nobody holds it."""


def prepare() -> None:
    """Read the certificates and build clients, before any fork. No request is sent."""
    global _tls
    _tls = ssl.create_default_context(cafile=PREFECT_API_SSL_CERT_FILE.value() or certifi.where())
    _kept.append(OrchestrationResult[Any])
    nobody = KnownRun(FlowRun(flow_id=uuid4()))
    _built.append((RunClient(nobody), SyncRunClient(nobody)))


def forget() -> None:
    """Undo the building in a process whose settings differ from those of its parent."""
    _built.clear()


def clients_of(known: KnownRun) -> tuple[RunClient, SyncRunClient]:
    """Both clients of a run. Its state then is the claim, whose lease the second one renews."""
    claim = known.flow_run.state
    lease_id = claim.state_details.deployment_concurrency_lease_id if claim else None
    of_sync = replace(known, deferred_lease_id=lease_id)
    if known.transport is not None or not _built:
        return RunClient(known), SyncRunClient(of_sync)
    client, sync_client = _built.pop()
    client.serve(known)
    sync_client.serve(of_sync)
    prefect_internals.renew_csrf_identity(client, sync_client)
    return client, sync_client


@dataclass
class KnownRun:
    """What this process knows of its flow run, kept up with every state it sets itself."""

    flow_run: FlowRun
    result_storage_id: UUID | None = None
    transport: httpx.MockTransport | None = None
    """Answers in the server's place, for a rehearsal."""
    deferred_lease_id: UUID | None = None
    """The lease whose first renewal is delayed. The thread that renews it sleeps, so nothing may join it."""
    is_shown_late: bool = False
    """Whether it is set Running only once it has lasted; see `late_running`."""

    def note(self, flow_run_id: UUID | str, result: OrchestrationResult[Any]) -> None:
        """Follow an answer to a proposed state."""
        if str(flow_run_id) != str(self.flow_run.id) or result.status != SetStateStatus.ACCEPT:
            return
        state = result.state
        if state is None:
            return
        self.flow_run.state = state
        self.flow_run.state_id = state.id
        self.flow_run.state_name = state.name
        self.flow_run.state_type = state.type
        if state.is_running():
            self.flow_run.run_count += 1
            self.flow_run.start_time = self.flow_run.start_time or _instant(state)

    def is_worth_writing(self, policy: FlowRunPolicy | None) -> bool:
        """Whether the server must know this policy: it decides about Prefect's own retries by it."""
        return policy is not None and bool(policy.retries)

    @property
    def result_storage(self) -> ServerDefaultResultStorage:
        """The server's default, as the worker read it."""
        return ServerDefaultResultStorage(default_result_storage_block_id=self.result_storage_id)


def _pauses_for(state: State[Any]) -> Sequence[timedelta]:
    """Pauses between attempts. None for a retry that is only shown and a request to cancel: their callers retry."""
    informs = state.name == RETRYING or state.type is StateType.CANCELLING
    return () if informs else _PAUSES


def _is_refusal(error: Exception) -> bool:
    """Whether the server understood and refused, as against being away or failing."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500


def _instant(state: State[Any]) -> Any:
    timestamp: datetime = state.timestamp
    return timestamp


def client_settings(transport: httpx.MockTransport | None = None) -> dict[str, Any]:
    """Arguments of a Prefect client in a forked process, which has the certificates already."""
    httpx_settings: dict[str, Any] = {"verify": _tls} if _tls else {}
    if transport is not None:
        httpx_settings["transport"] = transport
    return {
        "api": PREFECT_API_URL.value(),
        "auth_string": PREFECT_API_AUTH_STRING.value(),
        "api_key": PREFECT_API_KEY.value(),
        "httpx_settings": httpx_settings,
    }


class RunClient(PrefectClient):
    """The client of an async flow's process."""

    def __init__(self, known: KnownRun) -> None:
        super().__init__(**client_settings(known.transport))
        self.serve(known)

    def serve(self, known: KnownRun) -> None:
        """Become the client of this run, before the first use."""
        self._known = known
        self._late_running = LateRunning(known.flow_run)

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        if flow_run_id == self._known.flow_run.id:
            return self._known.flow_run
        return await super().read_flow_run(flow_run_id)

    async def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], force: bool = False
    ) -> OrchestrationResult[Any]:
        propose = partial(super().set_flow_run_state, flow_run_id, state, force=force)
        result: OrchestrationResult[Any]
        if self._known.is_shown_late and self._late_running.delays(flow_run_id, state, force=force):
            result = self._late_running.begin(state, propose)
        else:
            await self._late_running.settled(state)
            result = await retried(propose, on=_AWAY, pauses=_pauses_for(state), unless=_is_refusal)
        self._known.note(flow_run_id, result)
        return result

    async def update_flow_run(self, flow_run_id: UUID, *args: Any, **fields: Any) -> httpx.Response:
        if _only_engine_fields(self._known, flow_run_id, args, fields):
            return httpx.Response(204)
        return await super().update_flow_run(flow_run_id, *args, **fields)

    async def read_server_default_result_storage(self) -> ServerDefaultResultStorage:
        return self._known.result_storage


class SyncRunClient(SyncPrefectClient):
    """The client of a sync flow's process, and of the sync corners of an async one's."""

    def __init__(self, known: KnownRun) -> None:
        super().__init__(**client_settings(known.transport))
        self.serve(known)

    def serve(self, known: KnownRun) -> None:
        """See `RunClient.serve`."""
        self._known = known
        self._is_first_renewal = True

    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        if flow_run_id == self._known.flow_run.id:
            return self._known.flow_run
        return super().read_flow_run(flow_run_id)

    def set_flow_run_state(
        self, flow_run_id: UUID | str, state: State[Any], force: bool = False
    ) -> OrchestrationResult[Any]:
        propose = partial(super().set_flow_run_state, flow_run_id, state, force=force)
        result: OrchestrationResult[Any] = retried_blocking(
            propose, on=_AWAY, pauses=_pauses_for(state), unless=_is_refusal
        )
        self._known.note(flow_run_id, result)
        return result

    def update_flow_run(self, flow_run_id: UUID, *args: Any, **fields: Any) -> httpx.Response:
        if _only_engine_fields(self._known, flow_run_id, args, fields):
            return httpx.Response(204)
        return super().update_flow_run(flow_run_id, *args, **fields)

    def read_server_default_result_storage(self) -> ServerDefaultResultStorage:
        return self._known.result_storage

    def renew_concurrency_lease(self, lease_id: UUID, lease_duration: float) -> httpx.Response:
        """Repeated while Prefect is away, for its engine ends a run whose lease it can't renew three times.

        MongoDB keeps the runs of a task apart, also when the slot of its deployment is lost in that time.
        """
        if lease_id != self._known.deferred_lease_id:
            return super().renew_concurrency_lease(lease_id, lease_duration)
        if self._is_first_renewal:
            self._is_first_renewal = False
            time.sleep(_FIRST_RENEWAL_SECONDS)
        renew = partial(super().renew_concurrency_lease, lease_id, lease_duration)
        pauses = itertools.repeat(_RENEWED_AGAIN_AFTER)
        return retried_blocking(renew, on=_AWAY, pauses=pauses, unless=_is_refusal)


def _only_engine_fields(
    known: KnownRun, flow_run_id: UUID, positional: tuple[Any, ...], fields: dict[str, Any]
) -> bool:
    """Whether an update holds only what the engine writes at the start: the flow's version and an empty policy.

    The worker writes the version together with the process's number, for runs that last.
    """
    return (
        flow_run_id == known.flow_run.id
        and not positional
        and fields.keys() <= {"flow_version", "empirical_policy"}
        and not known.is_worth_writing(fields.get("empirical_policy"))
    )
