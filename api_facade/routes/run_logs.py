"""What an execution has logged, page by page, also while it runs."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Query

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Parts, Reader
from falcon_scheduler.api_facade.examples import executions as examples
from falcon_scheduler.api_facade.schemas.run_logs import LogLineResponse, LogQuery, LogResponse

router = APIRouter(prefix="/executions", tags=["executions"], route_class=LeanRoute)


@router.get(
    "/{execution_id}/logs",
    responses=answers(200, examples.LOGS, *READ, 400, 403, 404, 503),
    summary="Read an execution's log",
)
async def execution_logs(
    execution_id: str, caller: Reader, parts: Parts, query: Annotated[LogQuery, Query()]
) -> LogResponse:
    """Lines of the execution, the oldest first. To follow it, ask again with `next` as `skip`.

    Secrets are taken out of lines before they are stored. Prefect's log store keeps them as long as
    the run.
    """
    execution = await parts.runs.get(execution_id)
    lines = await parts.run_logs.of_run(execution_id, skip=query.skip, limit=query.limit)
    return LogResponse(
        lines=[
            LogLineResponse(at=each.at, level=logging.getLevelName(each.level), message=each.message)
            for each in lines
        ],
        next=query.skip + len(lines),
        has_ended=execution.status.is_terminal,
    )
