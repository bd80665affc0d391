"""Where each process of the product spends its CPU while clients request executions.

    python -m benchmarks.profiles                       # about three minutes
    python -m benchmarks.profiles --py-spy /path/to/py-spy --seconds 60

Needs py-spy, which is no dependency of the project (`pip install py-spy`). Eight clients request http tasks, then
functions in a process of their own, again and again, each for so many seconds. For each process this prints the ten
packages with the most samples of their own, the time that waits left out, and the ten functions of Prefect's and of
ours that have the most samples with all that they call. That is what a flame graph shows as the widest frames. The
samples stay in the folder that is named at the end, in the form that flame graph tools read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx

from benchmarks.every_second import api, say
from benchmarks.http_target import target
from benchmarks.measuring import PARTS
from benchmarks.product import WARM_UP, gathered, make, run_all
from benchmarks.worker_stage import Stage, load, machine, servers, set_stage

CLIENTS = 8
TASKS = 24
SAMPLES_A_SECOND = 100
MOST_SHOWN = 10
WAITS = (
    *("select (selectors", "wait (threading", "_worker (concurrent", "_recv (multiprocessing", "accept (socket"),
    "_recv_exactly (secantus",
)
"""Leaves of stacks that wait, where py-spy takes them for busy."""
OWN_WAY = ("falcon_scheduler/", "prefect/")
"""Packages whose functions are listed: others are called by them."""
FRAMES_OF_ALL = ("main", "run", "_run", "<module>", "__call__", "_run_once", "run_forever", "run_until_complete")


async def main(py_spy: str, seconds: float) -> None:
    os.environ.update(SCHEDULER_HTTP_ALLOW="127.0.0.0/8", SCHEDULER_HTTP_PER_HOST="1000", API_RATE_LIMIT="0")
    os.environ["SCHEDULER_PLUGINS"] = "benchmarks.work"
    folder = Path(tempfile.mkdtemp(prefix="falcon-profiles-"))
    say(machine())
    async with target() as aim, set_stage(PARTS) as stage, api(stage) as http:
        for kind in ("http", "function"):
            ids = await gathered(CLIENTS, [partial(make, http, kind, n, aim.url()) for n in range(TASKS)])
            await run_all(http, ids[:WARM_UP], CLIENTS)
            say(f"--- {kind}, {load()}")
            async with recorded(py_spy, folder, kind, processes(stage)):
                many = await requested(http, ids, seconds)
            say(f"{many} runs in {seconds:.0f} s")
            show_all(folder, kind)
    say(f"samples: {folder}")


def processes(stage: Stage) -> dict[str, int]:
    """The processes to look at by name; the last two are the worker's."""
    known = servers(stage, PARTS)
    found = {name: process.pid for name, process in known.items() if name not in {"postgres", "valkey"}}
    for child in known["worker"].children(recursive=True):
        if child.name().startswith("falcon-la"):  # the system cuts names
            found["lane"] = child.pid
        elif "forkserver" in " ".join(child.cmdline()):
            found.setdefault("runs", child.pid)
    return found


@asynccontextmanager
async def recorded(py_spy: str, folder: Path, kind: str, pids: dict[str, int]) -> AsyncIterator[None]:
    """While this is open, each process is sampled into a file of its own."""
    recorders = []
    for name, pid in pids.items():
        command = [py_spy, "record", "-p", str(pid), "-f", "raw", "-r", str(SAMPLES_A_SECOND), "-d", "3600"]
        command += ["-o", str(folder / f"{kind}.{name}"), *(["--subprocesses"] if name == "runs" else [])]
        recorders.append(await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL))
    try:
        yield
    finally:
        for recorder in recorders:
            recorder.send_signal(signal.SIGINT)
        await asyncio.gather(*(recorder.wait() for recorder in recorders))


async def requested(http: httpx.AsyncClient, ids: Sequence[str], seconds: float) -> int:
    """Execute all tasks again and again for so long. Returns how many runs that made."""
    ends_at, many = time.monotonic() + seconds, 0
    while time.monotonic() < ends_at:
        await run_all(http, ids, CLIENTS)
        many += len(ids)
    return many


def show_all(folder: Path, kind: str) -> None:
    """Print where each process spent its time."""
    for file in sorted(folder.glob(f"{kind}.*")):
        show(file)


def show(file: Path) -> None:
    """Print where a process spent its time."""
    packages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for stack, samples in samples_of(file):
        frames = [frame.rpartition(":")[0] + ")" if ":" in frame else frame for frame in stack]
        packages[package_of(frames[-1])] += samples
        for frame in {each for each in frames if is_listed(each)}:
            functions[frame] += samples
    total = sum(packages.values())
    say(f"{file.name}: {total} samples")
    if total:
        say("  " + ", ".join(f"{name} {number / total:.0%}" for name, number in packages.most_common(MOST_SHOWN)))
        for frame, number in functions.most_common(MOST_SHOWN):
            say(f"  {number / total:5.0%} {frame}")


def samples_of(file: Path) -> list[tuple[list[str], int]]:
    """The stacks of a file, each with its number of samples; those that wait are left out."""
    found = []
    for line in file.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        if frames[-1] and not any(wait in frames[-1] for wait in WAITS):
            found.append((frames, int(number)))
    return found


def package_of(frame: str) -> str:
    """`sqlalchemy` of `execute (sqlalchemy/orm/session.py)`."""
    path = frame.rpartition(" (")[2].rstrip(")")
    return path.removeprefix("<frozen ").partition("/")[0].removesuffix(">") or frame


def is_listed(frame: str) -> bool:
    """Whether a function says more than that the process runs."""
    name, _, path = frame.partition(" (")
    return path.startswith(OWN_WAY) and name.rpartition(".")[2] not in FRAMES_OF_ALL


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--py-spy", default=shutil.which("py-spy"), help="where it is")
    parser.add_argument("--seconds", type=float, default=40)
    given = parser.parse_args()
    if given.py_spy is None:
        parser.error("py-spy is not installed: pip install py-spy, or name it with --py-spy")
    asyncio.run(main(given.py_spy, given.seconds))
