"""A worker that gets a signal while it starts ends, and so does what it has started."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import psutil
import pytest

from tests.conftest import PATIENCE_SECONDS
from tests.worker.conftest import Pool, StartWorker, WorkerProcess, is_alive

pytestmark = pytest.mark.slow


def starts_the_preloaded_process(worker: WorkerProcess) -> bool:
    """Which takes seconds until it can fork."""
    return bool(psutil.Process(worker.process.pid).children())


def has_started(worker: WorkerProcess) -> bool:
    """Prefect says so."""
    return "started!" in worker.log.read_text()


# Until the worker is made, signals are handled by Prefect's command alone.
MOMENTS = [
    (starts_the_preloaded_process, signal.SIGTERM),
    (starts_the_preloaded_process, signal.SIGINT),
    (has_started, signal.SIGTERM),
]


async def test_a_signal_during_the_start_ends_a_background_worker_and_its_children(
    pool: Pool, start_worker: StartWorker
) -> None:
    await asyncio.gather(
        *(
            asyncio.to_thread(end_at, moment, number, start_worker(pool, in_background=True))
            for moment, number in MOMENTS
        )
    )


def end_at(moment: Callable[[WorkerProcess], bool], number: signal.Signals, worker: WorkerProcess) -> None:
    while not moment(worker):
        assert worker.process.poll() is None, worker.log.read_text()
    children = psutil.Process(worker.process.pid).children(recursive=True)
    worker.process.send_signal(number)
    worker.process.wait(PATIENCE_SECONDS)
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert not [child for child in alive if is_alive(child.pid)]
