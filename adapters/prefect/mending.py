"""Makes a flow run readable again that Prefect can't send."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import StateType
from prefect.states import Failed

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.parameters import restored, sealed, sendable
from falcon_scheduler.adapters.prefect.runs import IN_POOL, PrefectRuns
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.errors import EngineFault, EngineRefused
from falcon_scheduler.core.ports import Clock

logger = logging.getLogger(__name__)

SOON = timedelta(minutes=1)
GIVEN_UP_AFTER = 4
"""Attempts at reading a run before it is removed, some half a minute apart: Prefect may only have been overloaded."""
WAITING = [StateType.SCHEDULED, StateType.PENDING]


class PrefectUnreadableRuns:
    """See `core.ports.UnreadableRuns`.

    What is unreadable in a flow run is what it was given: its parameters, or its job variables.
    """

    def __init__(self, client: PrefectClient, runs: PrefectRuns, clock: Clock) -> None:
        self._client = client
        self._runs = runs
        self._clock = clock

    async def ids(self) -> Sequence[str]:
        """Ids of unreadable flow runs. Those in our pool that are due soon are searched."""
        wanted = {
            "state": {"type": {"any_": WAITING}},
            "expected_start_time": {"before_": self._clock.now() + SOON},
        }
        reading = self._runs.reading
        async for _ in reading.pages(wanted, IN_POOL):
            pass
        for run_id in reading.quarantine.overdue():
            await reading.read_again(run_id)
        return [*reading.quarantine.all()]

    async def mend(self, run: Run, task: Task, reason: str) -> bool:
        """Store the run's parameters in a form that Prefect's lists can contain. False when they still can't.

        A run of ours that can't be repaired for a while ends as failed, unless it has ended, and is removed. A run of
        an adopted deployment is left alone until it has ended, since its flow must get its owner's parameters.
        """
        if await self._is_sent(run.id):
            return True
        if task.source is Source.IMPORT:
            return run.phase.is_terminal and await self._rewrite(run.id, sendable)
        if await self._rewrite(run.id, _as_text):
            return True
        if self._runs.reading.quarantine.times(run.id) < GIVEN_UP_AFTER:
            return False
        if not run.phase.is_terminal and run.phase is not RunPhase.AHEAD:
            with translated():
                await self._client.set_flow_run_state(UUID(run.id), Failed(message=reason), force=True)
        logger.warning("Removed flow run %s, which can't be read", run.id)
        await self._runs.delete([run.id])
        return True

    async def _rewrite(self, run_id: str, rewritten: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> bool:
        """Rewrite parameters and job variables. Whether the run can be read then."""
        try:
            with translated():
                path = {"id": run_id}
                found = (await self._client.request("GET", "/flow_runs/{id}", path_params=path)).json()
                change = {"parameters": rewritten(found.get("parameters") or {})}
                variables = found.get("job_variables") or {}
                if sendable(variables) != variables:
                    change["job_variables"] = sendable(variables)
                await self._client.request("PATCH", "/flow_runs/{id}", path_params=path, json=change)
        except (EngineFault, EngineRefused, Gone) as error:
            logger.warning("Flow run %s could not be rewritten: %s", run_id, error)
            return False
        return await self._is_sent(run_id)

    async def _is_sent(self, run_id: str) -> bool:
        """What Prefect sends and only our client can't parse is no business of ours to change."""
        if not await self._runs.reading.is_sent(run_id):
            return False
        await self._runs.reading.read_again(run_id)
        return True


def _as_text(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Parameters of a flow of ours, as this version sends them."""
    given = restored(parameters.get("parameters"))
    text = sealed(given) if isinstance(given, Mapping) else given
    return sendable({**parameters, "parameters": text})  # type: ignore[no-any-return]
