"""Runs a flow that does nothing, before anything is forked, against a transport that accepts every request.

What a first run pays for (late imports, schemas built on first use, compiled patterns) is then paid for all runs at
once: it halves what a run costs. No request leaves the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import anyio.lowlevel
import httpx
from prefect import flow
from prefect.client.schemas.objects import FlowRun
from prefect.states import Pending

from falcon_scheduler.flows import prefect_internals
from falcon_scheduler.flows.child import lean_engine
from falcon_scheduler.flows.interprocess.channel import RunChannel
from falcon_scheduler.flows.interprocess.messages import LogRecord
from falcon_scheduler.flows.rehearsal import ROUNDS


@flow(name="warm-up")
async def _nothing(task_id: str = "") -> None:
    await anyio.lowlevel.checkpoint()  # loads AnyIO's backend, as a request over the network does


def warm_up() -> None:
    """Go through async runs. Silent; leaves no thread, no loop and no open descriptor behind.

    A sync run would leave Prefect's loop thread, and what is forked must have one thread only.
    """
    with _silence(), _channel() as channel:
        prefect_internals.ship_logs_to(lambda log: channel.send(LogRecord(log)))
        try:
            for _ in range(ROUNDS):
                asyncio.run(lean_engine.run_async(_run(channel), _nothing))
        finally:
            prefect_internals.ship_logs_to(None)


def _run(channel: RunChannel) -> lean_engine.Run:
    flow_run = FlowRun(
        flow_id=uuid4(), deployment_id=uuid4(), name="warm-up", state=Pending(), parameters={"task_id": "warm-up"}
    )
    document = flow_run.model_dump(mode="json")
    flow_run = FlowRun.model_validate(document)
    return lean_engine.Run(flow_run, None, channel, transport=httpx.MockTransport(_agree), is_shown_late=True)


def _agree(request: httpx.Request) -> httpx.Response:
    """Accept a proposed state, as the server would."""
    if request.url.path.endswith("/csrf-token"):
        return httpx.Response(422, json={"detail": "CSRF protection is disabled."})  # the client goes by the words
    if not request.url.path.endswith("/set_state"):
        return httpx.Response(200, json={})
    state = json.loads(request.content)["state"]
    accepted = {**state, "id": str(uuid4()), "timestamp": datetime.now(UTC).isoformat()}
    answer = {"state": accepted, "status": "ACCEPT", "details": {"type": "accept_details"}}
    return httpx.Response(201, json=answer)


@contextlib.contextmanager
def _channel() -> Iterator[RunChannel]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield RunChannel(ours)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Discard what is printed and logged."""
    kept = [os.dup(number) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in (1, 2):
            os.dup2(nowhere, number)
        yield
    finally:
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)
        os.close(nowhere)
