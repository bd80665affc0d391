"""When a run passed its stages in the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """The stages of a run; `None` for one that it did not pass, or that is not known."""

    planned_at: datetime | None = None
    """When the engine got to know of it."""
    claimed_at: datetime | None = None
    """When a worker took it."""


class RunStages(Protocol):
    """What the engine keeps of a run's stages."""

    async def of(self, run_id: str) -> RunTimes:
        """The stages of a run. Empty for one that is not known."""
        ...
