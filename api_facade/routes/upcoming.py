"""What the schedules will ask for: the calendar's future."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from falcon_scheduler.api_facade import examples
from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Caller, Identified, Parts
from falcon_scheduler.api_facade.schemas.upcoming import UpcomingList, UpcomingQuery, UpcomingTask
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports import PageRequest, TaskFilter
from falcon_scheduler.core.ports.paging import TaskOrder
from falcon_scheduler.core.services.tasks.forecast import Forecast, forecast

router = APIRouter(prefix="/schedules", tags=["definitions"], route_class=LeanRoute)


@router.get("/upcoming", responses=answers(200, examples.UPCOMING, *READ, 400, 403, 503), summary="What comes next")
async def list_upcoming(
    caller: Caller, claims: Identified, parts: Parts, query: Annotated[UpcomingQuery, Query()]
) -> UpcomingList:
    """The planned runs of the coming hours, task by task, those that are due first first.

    A task that runs more than 100 times in that time has its first 100 and `goes_on`. `has_more` says that further
    tasks are on the next page.
    """
    start = parts.clock.now()
    end = start + timedelta(hours=query.hours)
    wanted = TaskFilter(order=TaskOrder.NEXT_RUN, enabled=True, query=query.q or "")
    page = await parts.tasks.list(wanted, PageRequest(page=query.page, size=query.page_size))
    found = await parts.heavy.do(f"user {claims.user_id}", _forecasts, page.items, start, end)
    due = [each for each in found if each.runs]
    return UpcomingList(
        start=start,
        end=end,
        tasks=[_response(each) for each in due],
        has_more=len(due) == len(page.items) and query.page < page.total_pages,
    )


def _forecasts(tasks: Sequence[Task], start: datetime, end: datetime) -> Sequence[Forecast]:
    return [forecast(each, start, end) for each in tasks]


def _response(each: Forecast) -> UpcomingTask:
    return UpcomingTask(
        id=each.task.id,
        name=each.task.definition.name,
        schedule=each.task.definition.schedule,
        runs=list(each.runs),
        goes_on=each.goes_on,
    )
