"""What Prefect has planned of a deployment, and planning what it has not: at once, or for instants that are past.

`POST /deployments/{id}/schedule` runs the same code as Prefect's scheduler service, with the same idempotency keys
(`scheduled <deployment> <schedule> <date>`), so a run is never planned twice as long as the schedule keeps its id.
Source: prefect 3.8, `models.deployments.schedule_runs`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Scheduled

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.flow_run_reading import FlowRunReading
from falcon_scheduler.adapters.prefect.names import AGAIN, AUTO_SCHEDULED, ONCE, OWED_LABEL, TRIGGER_LABEL, run_name
from falcon_scheduler.adapters.prefect.run_deletion import delete_runs
from falcon_scheduler.adapters.prefect.states import plain
from falcon_scheduler.core.domain.execution import Trigger
from falcon_scheduler.core.domain.owed import OwedRun
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.tasks.fire_times import begin_of

logger = logging.getLogger(__name__)

_SECOND = timedelta(seconds=1)
MOST_ASKED_FOR = 200

Instant = tuple[str, datetime]
"""A deployment's id and an instant of it."""


class PrefectPlans:
    """See `core.ports.Plans`."""

    def __init__(
        self, client: PrefectClient, wake: Callable[[], Awaitable[object]] | None, reading: FlowRunReading
    ) -> None:
        """`wake` makes the workers poll at once."""
        self._client = client
        self._wake = wake
        self._reading = reading

    async def plan(self, task: Task, since: datetime) -> None:
        """Plan the present schedule's instants from `since` on, as far ahead as Prefect itself would."""
        if task.deployment_id is None:
            return
        try:
            with translated():
                await self._client.request(
                    "POST",
                    "/deployments/{id}/schedule",
                    path_params={"id": task.deployment_id},
                    json={"start_time": since.isoformat()},
                )
        except Gone:  # the reload deploys it again, and plans then
            return
        await self._wake_workers()

    async def plan_instants(self, task: Task, instants: Sequence[datetime]) -> int:
        """Create a run for each of these instants that has none. Returns how many."""
        if task.deployment_id is None or not instants:
            return 0
        wanted = {"deployments": {"name": {"any_": [task.id]}}}
        served = {due_at async for page in self._pages(wanted, min(instants), max(instants)) for _, due_at in page}
        missing = [instant for instant in instants if instant not in served]
        for instant in missing:
            await self._plan_instant(task, task.deployment_id, instant)
        if missing:
            logger.info("Planned %d instants of task %s that a change had dropped", len(missing), task.id)
            await self._wake_workers()
        return len(missing)

    async def plan_owed(self, task: Task, owed: OwedRun) -> None:
        """One run at once. Prefect returns the earlier run of the same key."""
        if task.deployment_id is None:
            return
        with suppress(Gone), translated():
            await self._client.create_flow_run_from_deployment(
                UUID(task.deployment_id),
                state=Scheduled(scheduled_time=owed.at, message="Requested by a backfill"),
                idempotency_key=owed.key,
                name=run_name(task.definition.name, owed.at),
                tags=[AUTO_SCHEDULED],
                labels={TRIGGER_LABEL: str(Trigger.SCHEDULE), OWED_LABEL: AGAIN if owed.again else ONCE},
            )
        await self._wake_workers()

    async def plan_single_instants(self, task: Task, instants: Sequence[datetime]) -> None:
        """The runs have no schedule in Prefect: one that has fewer than three runs to come keeps its planner busy."""
        if task.deployment_id is None:
            return
        found = await self._ahead(task.deployment_id)
        asked_for = [each for each in found if str(each.get("idempotency_key")).startswith(_key_of(task, ""))]
        ahead = {_instant(each["expected_start_time"]): each for each in asked_for}
        await self._delete([each["id"] for instant, each in ahead.items() if instant not in instants])
        for instant, flow_run in ahead.items():
            if instant in instants and begin_of(task, instant) != _instant(flow_run["next_scheduled_start_time"]):
                await self._begin_later(task, UUID(flow_run["id"]), instant)
        await self.plan_instants(task, [instant for instant in instants if instant not in ahead])

    async def drop(self, task: Task, instants: Sequence[datetime]) -> int:
        if task.deployment_id is None or not instants:
            return 0
        found = await self._ahead(task.deployment_id, until=max(instants))
        return await self._delete(
            [each["id"] for each in found if _instant(each["expected_start_time"]) in {*instants}]
        )

    async def _ahead(self, deployment_id: str, until: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        """The runs of a deployment that are planned and not due yet."""
        span = {"after_": datetime.now(UTC).isoformat()} | (
            {"before_": (until + _SECOND).isoformat()} if until else {}
        )
        body = {
            "flow_runs": {
                "deployment_id": {"any_": [deployment_id]},
                "state": {"type": {"any_": ["SCHEDULED"]}},
                "expected_start_time": span,
                "tags": {"all_": [AUTO_SCHEDULED]},
            },
            "limit": MOST_ASKED_FOR,
        }
        with translated():
            found: list[Mapping[str, Any]] = (
                await self._client.request("POST", "/flow_runs/filter", json=body)
            ).json()
        return found

    async def _delete(self, run_ids: Sequence[str]) -> int:
        """Delete planned runs, unless one has been claimed in between. Returns how many were deleted."""
        return await delete_runs(self._client, self._reading, run_ids, [StateType.SCHEDULED])

    async def planned(self, since: datetime, until: datetime) -> AsyncIterator[Sequence[Instant]]:
        """The scheduled instants in this time that have a run in any state, a page after the other."""
        async for page in self._pages({}, since, until):
            yield page

    async def _plan_instant(self, task: Task, deployment_id: str, instant: datetime) -> None:
        key = _key_of(task, f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
        with suppress(Gone), translated():
            flow_run = await self._client.create_flow_run_from_deployment(
                UUID(deployment_id),
                state=Scheduled(scheduled_time=instant, message="Planned by the scheduler's facade"),
                idempotency_key=key,
                name=run_name(task.definition.name, instant),
                tags=[AUTO_SCHEDULED],
                labels={TRIGGER_LABEL: str(Trigger.SCHEDULE)},
            )
            if begin_of(task, instant) != instant:
                await self._begin_later(task, flow_run.id, instant)

    async def _begin_later(self, task: Task, flow_run_id: UUID, instant: datetime) -> None:
        """Have the run begin when the jitter says. Its instant, `expected_start_time`, stays.

        If this process dies before that, the run begins at its instant, or the next look repeats this.
        """
        begin = begin_of(task, instant)
        state: State[Any] = Scheduled(scheduled_time=begin, message=f"Begins at {begin:%H:%M:%S} UTC by its jitter")
        with suppress(Gone), translated():
            await self._client.set_flow_run_state(flow_run_id, state)

    async def _pages(
        self, wanted: Mapping[str, Any], since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[Instant]]:
        span = {"after_": (since - _SECOND).isoformat(), "before_": (until + _SECOND).isoformat()}
        scheduled = {"expected_start_time": span, "tags": {"all_": [AUTO_SCHEDULED]}}
        async for flow_runs in self._reading.pages(scheduled, wanted):
            yield [_instant_of(flow_run) for flow_run in flow_runs]

    async def _wake_workers(self) -> None:
        if self._wake is not None:
            with suppress(Unavailable):  # a hint only: workers poll every few seconds anyway
                await self._wake()


def _key_of(task: Task, instant: str) -> str:
    return f"instant {task.id} {instant}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _instant_of(flow_run: FlowRun) -> Instant:
    due_at = plain(flow_run.expected_start_time)
    assert due_at is not None  # noqa: S101 - for the type checker: the query filters by it
    return str(flow_run.deployment_id), due_at
