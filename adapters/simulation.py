"""Works out forecasts: small ones in the thread for long work, large ones in a process of their own.

A forecast of a month computes for seconds. In a thread it would compete with the event loop for the interpreter all
that time, hold up the long work of other callers, and could not be ended. A process does none of that, has a lower
priority than the facade, and is killed when the caller goes. Its start costs half a second, which a small forecast
is spared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from falcon_scheduler.core.aside import in_thread
from falcon_scheduler.core.domain.forecast.load import Load, Simulation
from falcon_scheduler.core.domain.forecast.proposal import simulate
from falcon_scheduler.core.errors import Unavailable

SMALL_TASK_HOURS = 2_400
"""Tasks times hours of a forecast that the thread makes in a tenth of a second."""
SMALL_RUNS = 20_000
LONGEST = timedelta(minutes=5)
NICENESS = 5
CPU_SECONDS = 60
MEMORY_BYTES = 2 * 1024**3
SERVICE = "The simulation"

_LOAD = TypeAdapter(Load)
_SIMULATION = TypeAdapter(Simulation)


class ProcessSimulator:
    """See `core.ports.forecasts.Simulator`. One process at a time; others wait for their turn."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def simulate(self, load: Load) -> Simulation:
        if len(load.tasks) * ((load.end - load.begin) / timedelta(hours=1) + 1) <= SMALL_TASK_HOURS:
            found = await in_thread(simulate, replace(load, most_runs=SMALL_RUNS))
            if found.forecast.worked_out_until >= load.end.replace(microsecond=0):
                return found
        async with self._turn:
            return await _in_process(load)


async def _in_process(load: Load) -> Simulation:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH", "TZPATH"}},
    )
    try:
        async with asyncio.timeout(LONGEST.total_seconds()):
            question = await in_thread(_LOAD.dump_json, load)
            answer, _ = await process.communicate(question)
    except TimeoutError:
        raise Unavailable(SERVICE) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Unavailable(SERVICE)
    return await in_thread(_SIMULATION.validate_json, answer)


def main() -> None:
    """Read a load from standard input and write its simulation."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    load = _LOAD.validate_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(_SIMULATION.dump_json(simulate(load)))


if __name__ == "__main__":
    main()
