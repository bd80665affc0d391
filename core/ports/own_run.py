"""The run under way, as its own process reaches it in the engine."""

from __future__ import annotations

from typing import Protocol


class OwnRun(Protocol):
    """The engine's run in which the caller works. Every call informs or asks; none ends the run."""

    async def show_retry(self, message: str) -> None:
        """Show that an attempt failed and another follows. A repeat shows it twice."""
        ...

    async def show_progress(self, percent: float, text: str) -> None:
        """Show how far the work is, from 0 to 100."""
        ...

    async def has_to_give_way(self) -> bool:
        """Whether a run of the same task waits that was requested or due earlier."""
        ...

    async def is_behind(self) -> bool:
        """Whether such a run has begun and not ended."""
        ...
