"""Where ended executions are read in the order in which they ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Container, Mapping
from datetime import datetime
from typing import Protocol

from falcon_scheduler.core.domain.execution import Execution


class OutcomeLog(Protocol):
    """The ends of all tasks' executions."""

    def ended_since(self, instant: datetime, known: Container[str] = ()) -> AsyncIterator[Execution]:
        """Executions that ended at that instant or later, the earliest first, without holding them all in memory.

        Skipped ones are left out, and those whose ids are known.
        """
        ...

    async def skips(self) -> Mapping[str, int]:
        """How many runs the overlap rule left out, of the tasks that there are now, by task type."""
        ...
