"""How many runs a worker may begin: in processes of their own, and in a lane. Neither takes slots of the other."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import anyio

MOST_SCHEDULED = 100
"""Runs of the lane that were begun and that Prefect still calls Scheduled. It returns at most 200 such runs to a
poll: more of them would hide what waits."""


class Slots:
    """The slots of one worker."""

    def __init__(
        self, processes: anyio.CapacityLimiter, release_process: Callable[[UUID], None], lane_count: int
    ) -> None:
        """
        Args:
            processes: Prefect's limiter, which the worker reports.
            release_process: gives a slot of it back.
            lane_count: how many runs may be in the lane; none uses it when it is 0.
        """
        self._processes = processes
        self._release_process = release_process
        self._lane_count = lane_count
        self._in_lane: set[UUID] = set()
        self._scheduled: set[UUID] = set()

    @property
    def total(self) -> int:
        """Of both kinds."""
        return int(self._processes.total_tokens) + self._lane_count

    @property
    def has_lane(self) -> bool:
        """Whether any run may be in a lane."""
        return self._lane_count > 0

    def free(self, *, in_lane: bool) -> int:
        """How many runs of a kind may be begun now."""
        if not in_lane:
            return int(self._processes.available_tokens)
        return min(self._lane_count - len(self._in_lane), MOST_SCHEDULED - len(self._scheduled))

    def take(self, flow_run_id: UUID, *, in_lane: bool) -> None:
        """Take a slot that is free."""
        if in_lane:
            self._in_lane.add(flow_run_id)
            self._scheduled.add(flow_run_id)
        else:
            self._processes.acquire_on_behalf_of_nowait(flow_run_id)

    def note_known(self, flow_run_id: UUID) -> None:
        """Prefect calls a run of the lane something else than Scheduled now."""
        self._scheduled.discard(flow_run_id)

    def release(self, flow_run_id: UUID) -> None:
        """Give the slot of a run back."""
        if flow_run_id in self._in_lane:
            self._in_lane.discard(flow_run_id)
            self._scheduled.discard(flow_run_id)
        else:
            self._release_process(flow_run_id)
