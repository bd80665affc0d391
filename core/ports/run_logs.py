"""What runs have logged, as the engine keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line. `level` is a number of Python's logging (20 is INFO)."""

    at: datetime
    level: int
    message: str


class RunLogs(Protocol):
    """The engine's log store."""

    async def of_run(self, run_id: str, *, skip: int, limit: int) -> Sequence[LogLine]:
        """Lines of a run, the oldest first, without the first `skip`. Empty for a run that is not known.

        Raises:
            Unavailable
        """
        ...
