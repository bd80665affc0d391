"""The queue of a task with `overlap: queue`: runs begin in the order in which they were requested or due.

Prefect's limit of one run for each deployment does not keep the order: the others retry after a pause, and the first
to retry gets the slot. So a run that gets the slot checks whether another run is before it. If so it sets itself back
to Scheduled, and holds neither Prefect's slot nor a worker's while it waits. The queue consists of the deployment's
unfinished runs in Prefect, ordered by the instant of request or due date, then by id. So a run that dies or is
cancelled leaves the queue without further work.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import OrchestrationResult
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Scheduled

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.names import AWAITING_TURN

ASKS_AGAIN_AFTER = timedelta(seconds=1)
GIVES_WAY_AT_MOST = 30
"""A run that has given way so often begins: the run before it can't begin, as when its work queue is paused."""
WAITING: Collection[StateType] = (StateType.SCHEDULED,)
BEGUN: Collection[StateType] = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)


async def is_behind(client: PrefectClient, flow_run: FlowRun, states: Collection[StateType]) -> bool:
    """Whether a run in one of these states is before this one in the queue. Raises `Unavailable`."""
    if flow_run.deployment_id is None or flow_run.expected_start_time is None:
        return False
    wanted: dict[str, Any] = {
        "deployment_id": {"any_": [flow_run.deployment_id]},
        "state": {"type": {"any_": [*states]}},
        "expected_start_time": {"before_": flow_run.expected_start_time},
        "id": {"not_any_": [flow_run.id]},
    }
    with translated():
        found = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(wanted),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=10,
        )
    return any(place_of(each) < place_of(flow_run) for each in found)


def may_give_way(flow_run: FlowRun) -> bool:
    """Whether the run, which has just begun, has not given way too often yet."""
    return flow_run.run_count <= GIVES_WAY_AT_MOST


async def put_back(client: PrefectClient, flow_run: FlowRun) -> State[Any]:
    """Set the run back to Scheduled, unless it is gone or being cancelled. Returns the state that it has then.

    Raises `Unavailable`.
    """
    again = scheduled_again()
    with suppress(Gone), translated():
        answer: OrchestrationResult[Any] = await client.set_flow_run_state(flow_run.id, again)
        if answer.state is not None:
            return answer.state
    return again


def scheduled_again() -> State[Any]:
    """The state of a run that gives way."""
    return Scheduled(
        name=AWAITING_TURN,
        message="An execution that was requested earlier goes first",
        scheduled_time=datetime.now(UTC) + ASKS_AGAIN_AFTER,
    )


def place_of(flow_run: FlowRun) -> tuple[datetime, str]:
    """The sort key of the queue."""
    return flow_run.expected_start_time or datetime.max.replace(tzinfo=UTC), str(flow_run.id)
