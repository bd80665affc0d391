"""Schedules: what a text means, what the schedules of other programs become, and what is due next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers, takes
from falcon_scheduler.api_facade.deps import Caller, Parts, Reader
from falcon_scheduler.api_facade.examples import schedules as examples
from falcon_scheduler.api_facade.mapping.positions import position_of, position_text
from falcon_scheduler.api_facade.schemas.schedules import (
    ConversionAnswer,
    ConversionQuestion,
    ConvertedLine,
    RunShown,
    ScheduleAnswer,
    ScheduleQuestion,
    SkippedTime,
    UpcomingAnswer,
    UpcomingQuery,
    UpcomingRun,
)
from falcon_scheduler.api_facade.shape import judged, read_json, read_whole
from falcon_scheduler.core.domain.business_days import upcoming_under
from falcon_scheduler.core.domain.calendars import CalendarRules
from falcon_scheduler.core.domain.conversion import MOST_LINES, Converted, Program, convert
from falcon_scheduler.core.domain.cron.clock_changes import check_zone
from falcon_scheduler.core.domain.cron.wall_times import repeated, skipped_times
from falcon_scheduler.core.domain.schedule import Schedule, ScheduleError, parse
from falcon_scheduler.core.errors import Invalid

router = APIRouter(prefix="/schedules", tags=["definitions"], route_class=LeanRoute)

_MOST_SKIPPED = 50
_RUNS_OF_A_LINE = 3
_ONE_JOB = {Program.JENKINS, Program.GITHUB}
_DRAWN_FOR_NONE = " (H as drawn for no task; each task draws its own values)"
_DAY = timedelta(days=1)


@router.post(
    "/preview",
    responses=answers(200, examples.SCHEDULE, *READ, 400, 403, 408, 413, 415),
    openapi_extra=takes("ScheduleQuestion", weekdays=examples.SCHEDULE_QUESTION),
    summary="What a schedule means",
)
async def preview_schedule(caller: Caller, parts: Parts, request: Request) -> ScheduleAnswer:
    """A schedule in its canonical form, in words, and with its next runs. Changes nothing."""
    question = await judged(request, read_whole, ScheduleQuestion, await read_json(request))
    zone, now = question.timezone or parts.default_timezone, parts.clock.now()
    named = question.calendars.rules if question.calendars else CalendarRules()
    calendars = await parts.calendars.resolved(named, "calendars")
    return await parts.heavy.do(f"user {caller.user_id}", _explain, question, zone, now, calendars)


@router.post(
    "/convert",
    responses=answers(200, examples.CONVERSION, *READ, 400, 403, 408, 413, 415),
    openapi_extra=takes("ConversionQuestion", crontab=examples.CONVERSION_QUESTION),
    summary="What schedules of other programs are here",
)
async def convert_schedules(caller: Caller, parts: Parts, request: Request) -> ConversionAnswer:
    """Read lines of a crontab, Quartz, Jenkins or GitHub Actions: what each becomes, and what can't be kept."""
    question = await judged(request, read_whole, ConversionQuestion, await read_json(request))
    zone, now = question.timezone or parts.default_timezone, parts.clock.now()
    return await parts.heavy.do(f"user {caller.user_id}", _convert, question, zone, now)


@router.get(
    "/upcoming",
    responses=answers(200, examples.UPCOMING, *READ, 400, 403, 503),
    summary="What is due next, of all tasks",
)
async def list_upcoming(caller: Reader, parts: Parts, query: Annotated[UpcomingQuery, Query()]) -> UpcomingAnswer:
    """The coming runs of all tasks in the order of time, in pages: `next` of one is `after` of the following."""
    begin = query.begin or parts.clock.now()
    end = query.end or begin + _DAY
    if end <= begin:
        raise Invalid.of("query.to", "must be later than from")
    page = await parts.upcoming.page(
        begin,
        end,
        limit=query.limit,
        task_ids=query.task_id,
        after=position_of(query.after),
        elsewhere=lambda work: parts.heavy.do(f"user {caller.user_id}", work),
    )
    runs = [UpcomingRun(at=at, task_id=task.id, name=task.definition.name) for at, task in page.instants]
    following = position_text((runs[-1].at, runs[-1].task_id)) if page.more else None
    return UpcomingAnswer(runs=runs, next=following)


def _explain(question: ScheduleQuestion, timezone: str, now: datetime, calendars: CalendarRules) -> ScheduleAnswer:
    try:
        schedule = parse(question.schedule, timezone, task_id=question.task_id)
    except ScheduleError as error:
        raise Invalid.of("timezone" if error.field == "timezone" else "schedule", str(error)) from error
    shown_in = _checked(question.display_timezone, "display_timezone") or schedule.timezone
    start = question.start or now
    next_runs = upcoming_under(schedule, calendars, start, question.count)
    skipped = skipped_times(schedule, start, next_runs[-1], _MOST_SKIPPED) if next_runs else []
    return ScheduleAnswer(
        schedule=str(schedule),
        description=_words(schedule, question.task_id),
        timezone=schedule.timezone,
        next_runs=next_runs,
        runs=[
            RunShown(
                at=each, local=each.astimezone(ZoneInfo(shown_in)).isoformat(), repeated=repeated(each, shown_in)
            )
            for each in next_runs
        ],
        skipped=[SkippedTime(local=wall.isoformat(), timezone=zone) for wall, zone in skipped],
        is_hashed=schedule.is_hashed,
    )


def _words(schedule: Schedule, task_id: str = "") -> str:
    return schedule.describe() + (_DRAWN_FOR_NONE if schedule.is_hashed and not task_id else "")


def _checked(zone: str | None, location: str) -> str | None:
    if zone is None:
        return None
    try:
        return check_zone(zone)
    except ScheduleError as error:
        raise Invalid.of(location, str(error)) from error


def _convert(question: ConversionQuestion, timezone: str, now: datetime) -> ConversionAnswer:
    _checked(timezone, "timezone")
    if len(question.text.splitlines()) > MOST_LINES:
        raise Invalid.of("text", f"must have at most {MOST_LINES} lines")
    found = convert(question.program, question.text, timezone)
    kept = [_named(each) for each in found if each.schedule is not None]
    combined = None
    if question.program in _ONE_JOB and len(kept) == len(found) > 1:
        combined = _joined(kept)
    return ConversionAnswer(lines=[_line(each, now) for each in found], combined=combined)


def _named(converted: Converted) -> str:
    """The schedule with its zone, whatever zone a task has."""
    schedule = converted.schedule
    return f"CRON_TZ=UTC {schedule}" if schedule is not None and schedule.timezone == "UTC" else str(schedule)


def _joined(texts: list[str]) -> str | None:
    try:
        return _with_zone("; ".join(texts))
    except ScheduleError:  # too long, or too many
        return None


def _with_zone(text: str) -> str:
    schedule = parse(text)
    return f"CRON_TZ=UTC {schedule}" if schedule.timezone == "UTC" else str(schedule)


def _line(converted: Converted, now: datetime) -> ConvertedLine:
    schedule = converted.schedule
    past = schedule.past_instants(now) if schedule else []
    gone = [f"{each:%Y-%m-%dT%H:%M:%SZ} is past, and a task with a past @at is refused" for each in past]
    return ConvertedLine(
        line=converted.number,
        source=converted.source,
        schedule=None if schedule is None else _named(converted),
        description=None if schedule is None else _words(schedule),
        timezone=converted.timezone,
        next_runs=[] if schedule is None else schedule.upcoming(now, _RUNS_OF_A_LINE),
        command=converted.command or None,
        problem=converted.problem or None,
        notes=[*converted.notes],
        lost=[*converted.lost, *gone],
    )
