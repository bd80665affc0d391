"""The flow run in which the caller works: its ticket, what it shows, its turn, and its end as a state."""

from __future__ import annotations

from contextlib import suppress
from logging import Logger, LoggerAdapter
from typing import Any, Self, TypeAlias
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Running

from falcon_scheduler.adapters.prefect.client import client_of_run
from falcon_scheduler.adapters.prefect.ended_runs import end_again
from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.names import AGAIN, OWED_LABEL, RETRYING, SKIPPED
from falcon_scheduler.adapters.prefect.parameters import opened
from falcon_scheduler.adapters.prefect.queue_order import BEGUN, WAITING, is_behind, may_give_way, put_back
from falcon_scheduler.adapters.prefect.states import failure, may_refer, plain, priority_of, trigger_of
from falcon_scheduler.core.domain.storable import storable_text
from falcon_scheduler.core.services.runs.run_types import Ending, Outcome, Ticket

End: TypeAlias = State[Any]
"""The state in which a flow run ends, for annotations elsewhere."""
RunLog: TypeAlias = Logger | LoggerAdapter[Any]

LONGEST_MESSAGE = 1000


class PrefectOwnRun:
    """See `core.ports.OwnRun`. The other methods are for the body of our flows."""

    def __init__(self, flow_run: FlowRun) -> None:
        self._flow_run = flow_run
        self._artifact_id: UUID | None = None

    @classmethod
    def current(cls) -> Self:
        """The flow run that this code runs in. Raises `RuntimeError` outside of any."""
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise RuntimeError("A task runs inside a flow run: start its deployment, do not call its flow")
        return cls(context.flow_run)

    @property
    def id(self) -> str:
        """The id of the flow run and of its execution."""
        return str(self._flow_run.id)

    def log(self, **ids: str) -> RunLog:
        """The run's log, which Prefect shows. Each record has the given ids."""
        log: RunLog = get_run_logger(FlowRunContext.get(), **ids)
        return log

    def ticket(self, task_id: str, parameters: object, worker_id: str) -> Ticket:
        """Our picture of the run. Raises `Invalid` for parameters that a run may not have."""
        flow_run = self._flow_run
        owed = OWED_LABEL in (flow_run.labels or {})
        return Ticket(
            execution_id=self.id,
            task_id=task_id,
            trigger=trigger_of(flow_run),
            due_at=plain(flow_run.expected_start_time),
            version=flow_run.deployment_version or "",
            # An owed run is expected at its instant, which is over, and has been queued since it was asked for.
            queued_at=plain(flow_run.created if owed else flow_run.expected_start_time or flow_run.created),
            parameters=opened(parameters),
            priority=priority_of(flow_run),
            may_refer=may_refer(flow_run),
            worker_id=worker_id,
            owed=owed,
            again=(flow_run.labels or {}).get(OWED_LABEL) == AGAIN,
        )

    async def show_retry(self, message: str) -> None:
        """In the run's list of states; Prefect's run count counts it."""
        state: End = Running(name=RETRYING, message=message[:LONGEST_MESSAGE])
        async with client_of_run() as client:
            with suppress(Gone), translated():
                await client.set_flow_run_state(self._flow_run.id, state)

    async def show_progress(self, percent: float, text: str) -> None:
        """By one progress artifact of the run. One that was deleted is created anew at the next call."""
        description = text or None
        try:
            with translated():
                if self._artifact_id is not None:
                    await aupdate_progress_artifact(self._artifact_id, progress=percent, description=description)
                    return
                key = f"execution-{self.id}"
                created: Any = await acreate_progress_artifact(progress=percent, key=key, description=description)
                self._artifact_id = created
        except Gone:
            self._artifact_id = None

    async def has_to_give_way(self) -> bool:
        """By the runs of the same deployment in Prefect. A run that gave way too often begins."""
        if not may_give_way(self._flow_run):
            return False
        async with client_of_run() as client:
            return await is_behind(client, self._flow_run, WAITING)

    async def is_behind(self) -> bool:
        """By the same runs."""
        async with client_of_run() as client:
            return await is_behind(client, self._flow_run, BEGUN)

    async def give_way(self) -> BaseException:
        """Set the run back to Scheduled. Returns the exception by which the flow then leaves it to Prefect.

        May be repeated.

        Raises:
            Unavailable, EngineRefused: Prefect did not take the state.
        """
        async with client_of_run() as client:
            return Pause("The run waits for its turn", state=await put_back(client, self._flow_run))

    async def end_again(self, log: RunLog, recorded: End | None) -> End:
        """See `adapters.prefect.ended_runs`. May be repeated; raises as `give_way` does."""
        async with client_of_run() as client:
            return await end_again(client, self._flow_run, log, recorded)


def state_of(outcome: Outcome) -> End:
    """The terminal state of an outcome. Its message shows in the Prefect UI, and the mirror falls back to it."""
    message = storable_text(outcome.message) or None
    if outcome.ending is Ending.COMPLETED:
        return Completed(message=message)
    if outcome.ending is Ending.SKIPPED:
        return Cancelled(name=SKIPPED, message=message)
    if outcome.ending is Ending.CANCELLED:
        return Cancelled(message=message)
    return failure(message, timed_out=outcome.timed_out)
