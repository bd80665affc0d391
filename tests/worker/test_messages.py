"""What worker, preloaded process and runs send each other arrives as it was sent, or is refused with a reason."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from falcon_scheduler.flows.interprocess import message_format, messages
from falcon_scheduler.flows.interprocess.channel import RunChannel, WorkerChannel
from falcon_scheduler.flows.interprocess.message_format import (
    DamagedMessage,
    Message,
    ProtocolMismatch,
    Reader,
    encode,
)
from falcon_scheduler.flows.interprocess.messages import (
    READ_BY_FORKSERVER,
    READ_BY_LANE,
    READ_BY_RUN,
    READ_BY_WORKER,
    READ_FROM_LANE,
    READ_FROM_RUN,
    AskClaim,
    AskShared,
    ClaimAnswer,
    Drop,
    End,
    Exited,
    Forked,
    ForkLane,
    ForkRun,
    FromRun,
    Interrupt,
    LaneAlive,
    LogRecord,
    OutOfDate,
    Perform,
    Ready,
    Retire,
    RunBegan,
    RunClaimed,
    RunEnded,
    RunPerformed,
    RunRetries,
    RunSettled,
    SendSignal,
    Shared,
    Start,
    Suspend,
    ToRun,
    Work,
    WorkOver,
)
from falcon_scheduler.flows.worker.forkserver_connection import ForkserverConnection, UpgradedInPlace

WORK = Work(
    flow_run={"id": "r-1", "parameters": {"deep": [1, 2.5, None, "ü\ud800"]}},
    entrypoint=None,
    result_storage_id="b-1",
    environment={"PREFECT__FLOW_RUN_ID": "r-1"},
    command=None,
    working_dir="/",
    memory_limit_mb=64,
    stream_output=True,
)
SAMPLES: list[tuple[Reader[Any], Message]] = [
    (READ_BY_FORKSERVER, ForkRun(1)),
    (READ_BY_FORKSERVER, ForkLane(1)),
    (READ_BY_FORKSERVER, RunClaimed(7, "r-1")),
    (READ_BY_FORKSERVER, RunSettled(7, "r-1")),
    (READ_BY_FORKSERVER, SendSignal(7, 9)),
    (READ_BY_FORKSERVER, Retire()),
    (READ_BY_WORKER, Ready(7)),
    (READ_BY_WORKER, Forked(1, 7)),
    (READ_BY_WORKER, OutOfDate(1)),
    (READ_BY_WORKER, OutOfDate(None)),
    (READ_BY_WORKER, Exited(7, 9, left_over=False)),
    (READ_BY_RUN, WORK),
    (READ_BY_RUN, Start({"type": "PENDING"})),
    (READ_BY_RUN, Drop()),
    (READ_BY_RUN, Suspend()),
    (READ_BY_RUN, End("cancelled")),
    (READ_BY_RUN, End("shutdown")),
    (READ_FROM_RUN, LogRecord({"message": "a\nb", "level": 20})),
    (READ_FROM_RUN, RunEnded(settled=True, error=None)),
    (READ_FROM_RUN, RunEnded(settled=False, error="ValueError: \ud800")),
    (READ_BY_LANE, AskShared(3, ["d-1", "d-2"])),
    (READ_FROM_LANE, Shared(3, ["d-2"])),
    (READ_BY_LANE, Perform({"id": "r-1", "parameters": {"task_id": "t-1"}}, "http-task")),
    (READ_BY_LANE, Perform({"id": "r-2"}, "http-task", "5f0c")),
    (READ_BY_LANE, ClaimAnswer("r-2", is_won=True)),
    (READ_BY_LANE, Interrupt("r-1", "cancelled")),
    (READ_FROM_LANE, LaneAlive(97)),
    (READ_FROM_LANE, AskClaim("r-2")),
    (READ_FROM_LANE, RunBegan("r-1")),
    (READ_FROM_LANE, RunRetries("r-1", "Attempt 1 of 2 failed")),
    (READ_FROM_LANE, WorkOver("r-1")),
    (READ_FROM_LANE, RunPerformed("r-1", {"type": "COMPLETED"}, None)),
    (READ_FROM_LANE, RunPerformed("r-1", None, "ValueError")),
    (READ_FROM_LANE, RunPerformed("r-2", None, None, is_left=True)),
]


def name_of(value: object) -> str:
    return str(getattr(value, "kind", ""))


@pytest.mark.parametrize(("reader", "message"), SAMPLES, ids=name_of)
def test_a_message_arrives_as_it_was_sent(reader: Reader[Any], message: Message) -> None:
    line = encode(message)
    assert b"\n" not in line
    assert reader.decode(line) == message


def test_every_message_has_a_sample() -> None:
    defined = {
        each for each in vars(messages).values() if isinstance(each, type) and isinstance(vars(each).get("kind"), str)
    }
    assert {type(message) for _, message in SAMPLES} == defined


@pytest.mark.parametrize(("reader", "message"), SAMPLES, ids=name_of)
def test_a_message_with_a_missing_an_unknown_or_a_wrong_field_is_refused(
    reader: Reader[Any], message: Message
) -> None:
    sound = json.loads(encode(message))
    with pytest.raises(DamagedMessage, match="surplus"):
        reader.decode(json.dumps(sound | {"surplus": 1}).encode())
    for field in fields(message):  # type: ignore[arg-type]
        with pytest.raises(DamagedMessage, match=field.name):
            reader.decode(json.dumps({key: value for key, value in sound.items() if key != field.name}).encode())
        with pytest.raises(DamagedMessage, match=field.name):
            reader.decode(json.dumps(sound | {field.name: [1]}).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{", b"[]", b"null", b'"ready"', b'{"version": 6}', b'{"version": 6, "kind": []}'],
    ids=repr,
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedMessage):
        READ_BY_WORKER.decode(data)


def test_a_number_is_no_truth_value_and_a_truth_value_no_number() -> None:
    with pytest.raises(DamagedMessage, match="left_over"):
        READ_BY_WORKER.decode(encode(Exited(7, 9, left_over=1)))  # type: ignore[arg-type]
    with pytest.raises(DamagedMessage, match="pid"):
        READ_BY_WORKER.decode(encode(Ready(True)))


def test_a_message_for_another_process_is_refused() -> None:
    with pytest.raises(DamagedMessage, match="'retire'"):
        READ_BY_WORKER.decode(encode(Retire()))
    with pytest.raises(DamagedMessage, match="reason"):
        READ_BY_RUN.decode(encode(End("boredom")))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", [None, 0, message_format.PROTOCOL_VERSION + 1, "1"])
def test_a_message_of_another_version_asks_for_a_restart_whatever_its_fields(version: object) -> None:
    line = json.dumps({"version": version, "kind": "ready", "pid": 7, "cores": 2}).encode()
    with pytest.raises(ProtocolMismatch, match="restart the worker"):
        READ_BY_WORKER.decode(line)


async def test_messages_of_a_run_reach_its_worker_in_order_until_the_run_is_gone() -> None:
    ours, theirs = socket.socketpair()
    channel: WorkerChannel[ToRun, FromRun] = await WorkerChannel.open(ours, READ_FROM_RUN)
    run = RunChannel(theirs)
    channel.send(WORK)
    channel.send(Suspend())
    channel.send(End("shutdown"))
    assert await asyncio.to_thread(run.receive) == WORK
    received = await asyncio.to_thread(lambda: [*run.received()] or [run.receive(), *run.received()])
    assert received == [Suspend(), End("shutdown")]
    sent: list[FromRun] = [LogRecord({"message": "x" * 100_000}), RunEnded(settled=True, error=None)]

    def send() -> None:
        for message in sent:
            run.send(message)
        theirs.close()

    sending = asyncio.create_task(asyncio.to_thread(send))
    assert [message async for message in channel.messages()] == sent
    await sending
    channel.close()


async def test_what_user_code_writes_to_the_channel_is_refused_and_not_taken_for_a_message() -> None:
    ours, theirs = socket.socketpair()
    channel: WorkerChannel[ToRun, FromRun] = await WorkerChannel.open(ours, READ_FROM_RUN)
    with theirs:
        theirs.sendall(b"Hello\n")
        with pytest.raises(DamagedMessage, match="not JSON"):
            await anext(channel.messages())
    channel.close()


@pytest.mark.slow
async def test_a_worker_from_before_an_upgrade_asks_to_be_restarted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        message_format, "PROTOCOL_VERSION", 0
    )  # in this process; the preloaded one has what is installed
    with pytest.raises(UpgradedInPlace, match="upgraded while the worker ran, restart the worker"):
        await ForkserverConnection.launch(os.environ)


def test_the_page_on_architecture_lists_every_message() -> None:
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    table = page.partition("### The worker's processes")[2]
    listed = set(re.findall(r"^\|.*\| `([A-Z]\w+)` \|", table, re.MULTILINE))
    assert listed == {type(message).__name__ for _, message in SAMPLES}
