"""Which runs of a worker's lane are performed without Prefect's claim: they go from Scheduled to their end.

The claim costs Prefect's server as much as the end does. A worker that has its pool for itself can do without:
MongoDB lets one performer begin an execution (docs/decisions/0020-http-lane.md).
"""

from __future__ import annotations

from uuid import UUID, uuid4

MOST = 100
"""Prefect returns at most 200 scheduled runs to a poll, these among them: more would hide what waits."""


class UnclaimedRuns:
    """The runs that are performed so at this moment and that Prefect still calls Scheduled."""

    def __init__(self) -> None:
        self._runs: set[UUID] = set()

    @property
    def room(self) -> int:
        """How many more there may be."""
        return MOST - len(self._runs)

    def add(self, flow_run_id: UUID) -> str:
        """The name of its performer; empty when there are too many, so that it has to be claimed."""
        if self.room <= 0:
            return ""
        self._runs.add(flow_run_id)
        return uuid4().hex

    def discard(self, flow_run_id: UUID) -> None:
        """Prefect calls it something else now, or it is over."""
        self._runs.discard(flow_run_id)
