"""When runs passed their stages, from Prefect's history of their states."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.core.ports.run_times import RunTimes


class PrefectRunStages:
    """See `core.ports.run_times.RunStages`."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def of(self, run_id: str) -> RunTimes:
        try:
            own_id = UUID(run_id)
        except ValueError:  # an execution of go-falcon's, which Prefect never knew
            return RunTimes()
        try:
            with translated():
                states = await self._client.read_flow_run_states(own_id)
        except Gone:
            return RunTimes()
        times = sorted((state.timestamp, state.type) for state in states)
        planned = next((at for at, kind in times if kind is StateType.SCHEDULED), None)
        claimed = next((at for at, kind in times if kind is StateType.PENDING), None)
        return RunTimes(planned_at=planned, claimed_at=claimed)
