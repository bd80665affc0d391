"""The preloaded process forks, reports and cleans up, with no server behind it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from falcon_scheduler.flows.interprocess.messages import Drop, RunEnded, Start, Work
from falcon_scheduler.flows.worker.forkserver_connection import RunProcess
from falcon_scheduler.flows.worker.launcher import Launcher
from tests.conftest import wait_until
from tests.worker.conftest import is_alive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def launcher() -> AsyncIterator[Launcher]:
    launcher = Launcher({**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"})
    await launcher.start()
    yield launcher
    await launcher.close()


def work(command: str | None, folder: Path) -> Work:
    flow_run = {"id": "0198c0de-0000-7000-8000-000000000001", "flow_id": "0198c0de-0000-7000-8000-000000000002"}
    return Work(flow_run, None, None, {"NOTE": "here"}, command, str(folder), 512, stream_output=False)


async def started(launcher: Launcher, command: str, folder: Path) -> RunProcess:
    process = await launcher.fork_run()
    process.channel.send(work(command, folder))
    process.channel.send(Start({"type": "PENDING"}))
    return process


async def test_a_run_that_is_dropped_exits_without_a_trace(launcher: Launcher, tmp_path: Path) -> None:
    process = await launcher.fork_run()
    process.channel.send(work("touch trace", tmp_path))
    process.channel.send(Drop())
    end = await process.ended()
    assert (end.status, end.left_over, process.is_over) == (0, False, True)
    assert [message async for message in process.channel.messages()] == []
    assert os.listdir(tmp_path) == []


async def test_a_run_gets_its_environment_and_folder(launcher: Launcher, tmp_path: Path) -> None:
    process = await started(launcher, "sh -c 'echo $NOTE > note; exit 3'", tmp_path)
    assert os.waitstatus_to_exitcode((await process.ended()).status) == 3
    assert (tmp_path / "note").read_text() == "here\n"


async def test_what_is_requested_while_the_preloaded_process_stands_still_is_done_when_it_goes_on(
    launcher: Launcher, tmp_path: Path
) -> None:
    """More than the kernel keeps for it."""
    process = await started(launcher, "sleep 600", tmp_path)
    forkserver = psutil.Process(process.pid).parent()
    assert forkserver is not None
    forkserver.suspend()
    for number in range(5000):
        process.note_claim(f"run {number}")
        process.note_settled(f"run {number}")
    process.signal(signal.SIGKILL)
    other = asyncio.create_task(launcher.fork_run())
    await asyncio.sleep(0)
    forkserver.resume()
    assert (await process.ended()).status == signal.SIGKILL
    (await other).channel.send(Drop())
    assert (await (await other).ended()).status != signal.SIGKILL
    process.channel.close()
    (await other).channel.close()


async def test_nothing_of_a_killed_run_is_left(launcher: Launcher, tmp_path: Path) -> None:
    process = await started(launcher, "sh -c 'sleep 600 & setsid sleep 600 & echo $! > pid; wait'", tmp_path)

    async def written() -> int | None:
        text = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""
        return int(text) if text else None

    grandchild = await wait_until(written, "the run has started others")
    process.signal(signal.SIGKILL)
    assert os.waitstatus_to_exitcode((await process.ended()).status) == -signal.SIGKILL
    assert not is_alive(process.pid)
    assert not is_alive(grandchild)


async def test_a_run_that_can_not_be_read_gives_the_reason(launcher: Launcher, tmp_path: Path) -> None:
    process = await launcher.fork_run()
    process.channel.send(Start({"type": "PENDING"}))
    [message] = [message async for message in process.channel.messages()]
    assert isinstance(message, RunEnded)
    assert message.error is not None
    assert "expected the work, received start" in message.error


async def test_when_the_preloaded_process_dies_its_runs_end_and_the_next_one_gets_another(
    launcher: Launcher, tmp_path: Path
) -> None:
    process = await started(launcher, "sleep 600", tmp_path)
    parent = psutil.Process(process.pid).parent()
    assert parent is not None
    parent.kill()
    assert (await process.ended()).status == signal.SIGKILL

    async def is_gone() -> bool:
        return not is_alive(process.pid)

    await wait_until(is_gone, "the kernel has ended the run")
    other = await launcher.fork_run()
    other.channel.send(Drop())
    assert (await other.ended()).status != signal.SIGKILL
