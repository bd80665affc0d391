"""One process that the preloaded process has forked, as the worker sees it. Knows nothing of Prefect."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from falcon_scheduler.flows.interprocess.channel import Received, Sent, WorkerChannel
from falcon_scheduler.flows.interprocess.messages import RunClaimed, RunSettled, SendSignal, ToForkserver


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a forked process ended."""

    status: int
    """Wait status, as `os.waitpid` gives it."""
    left_over: bool
    """Whether a process of its group would not go."""


class ForkedProcess(Generic[Sent, Received]):
    """A forked process with its channel."""

    def __init__(
        self, pid: int, channel: WorkerChannel[Sent, Received], request: Callable[[ToForkserver], None]
    ) -> None:
        self.pid = pid
        self.channel = channel
        self._request = request
        self._end: asyncio.Future[ProcessEnd] = asyncio.get_running_loop().create_future()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; `SIGKILL` goes to the whole process group. Without effect once the process has ended."""
        self._request(SendSignal(self.pid, int(number)))

    def note_claim(self, flow_run_id: str) -> None:
        """The run is ours: if the worker dies, the preloaded process reports the end of the run to Prefect."""
        self._request(RunClaimed(self.pid, flow_run_id))

    def note_settled(self, flow_run_id: str) -> None:
        """The run has its end in Prefect, and the process goes on: nothing is to be reported of it any more."""
        self._request(RunSettled(self.pid, flow_run_id))

    async def ended(self) -> ProcessEnd:
        """Wait until nothing of the process and its group is left."""
        return await asyncio.shield(self._end)

    @property
    def is_over(self) -> bool:
        """Whether nothing of the process and its group is left."""
        return self._end.done()

    def note_end(self, end: ProcessEnd) -> None:
        """Called once, by the connection to the process that forked it."""
        if not self._end.done():
            self._end.set_result(end)
