"""The log lines of runs, from Prefect's log store. Secrets are out of them already: workers clean what they send."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.sorting import LogSort

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.core.ports.run_logs import LogLine


class PrefectRunLogs:
    """See `core.ports.run_logs.RunLogs`."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def of_run(self, run_id: str, *, skip: int, limit: int) -> Sequence[LogLine]:
        try:
            own_id = UUID(run_id)
        except ValueError:  # an execution of go-falcon's, which Prefect never knew
            return []
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[own_id]))
        try:
            with translated():
                lines = await self._client.read_logs(wanted, limit, skip, LogSort.TIMESTAMP_ASC)
        except Gone:
            return []
        return [LogLine(at=each.timestamp, level=each.level, message=each.message) for each in lines]
