"""Where a forecast is worked out."""

from __future__ import annotations

from typing import Protocol

from falcon_scheduler.core.domain.forecast.load import Load, Simulation


class Simulator(Protocol):
    """Works out forecasts where that keeps nobody waiting."""

    async def simulate(self, load: Load) -> Simulation:
        """See `core.domain.forecast.proposal.simulate`. Ends the work when the caller is cancelled.

        Raises:
            Unavailable: it took too long, or too much memory.
        """
        ...
