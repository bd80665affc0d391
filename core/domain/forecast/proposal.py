"""Proposes schedules that flatten the peaks: the same ones, with values drawn by the task's id (`H`).

A fixed second becomes `H`, so a task moves by less than a minute. A fixed minute of a schedule that recurs each hour
becomes `H`, and `*/15` becomes `H/15`, so those move by less than an hour or their step. Other times stay.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, timedelta

from falcon_scheduler.core.domain.cron.timetable import Timetable
from falcon_scheduler.core.domain.forecast.days import due_in
from falcon_scheduler.core.domain.forecast.forecasting import forecast
from falcon_scheduler.core.domain.forecast.load import Forecast, Load, Proposal, Respelling, Simulation, Workload
from falcon_scheduler.core.domain.forecast.patterns import Span
from falcon_scheduler.core.domain.schedule import parse

ALIKE = 2
"""Runs due in one second from which on they are a peak."""
_NUMBER = re.compile(r"\d+")
_STEP = re.compile(r"(?:\*|0)(/\d+)")
_MINUTE = timedelta(minutes=1)


def simulate(load: Load) -> Simulation:
    """The forecast of a load, with a proposal. Raises `ScheduleError` for a schedule that can't be read."""
    present = forecast(load)
    return Simulation(forecast=present, proposal=_proposal(load, present))


def spread(task: Workload) -> str | None:
    """The task's schedule with `H` for what may move; None when nothing may."""
    schedule = parse(task.schedule, task.timezone, task_id=task.id)
    if len(schedule.clauses) != 1 or not isinstance(timing := schedule.clauses[0].timing, Timetable):
        return None
    second, minute, *others = str(timing).split()
    drawn = "H" if _NUMBER.fullmatch(second) else second
    recurs_hourly = timing.hour.recurs
    if step := _STEP.fullmatch(minute):
        minute = f"H{step[1]}"
    elif recurs_hourly and _NUMBER.fullmatch(minute):
        minute = "H"
    text = " ".join([drawn, minute, *others])
    if text == str(timing):
        return None
    zone = schedule.timezone
    return text if zone == task.timezone else f"CRON_TZ={zone} {text}"


def _proposal(load: Load, present: Forecast) -> Proposal | None:
    """Changes of the tasks in the peaks; None unless fewer runs are due at once, or they wait less."""
    if present.summary.busiest_second < ALIKE or not present.summary.queue:
        return None
    in_peaks = _ids_in_peaks(load, present)
    changes, tasks = [], []
    for task in load.tasks:
        proposed = spread(task) if task.may_change and task.id in in_peaks else None
        if proposed is not None:
            changes.append(Respelling(id=task.id, name=task.name, schedule=task.schedule, proposed=proposed))
            task = replace(task, schedule=proposed)
        tasks.append(task)
    if not changes:
        return None
    after = forecast(replace(load, tasks=tasks)).summary
    before = present.summary
    if (after.late_most, after.busiest_second) >= (before.late_most, before.busiest_second):
        return None
    return Proposal(changes=changes, summary=after)


def _ids_in_peaks(load: Load, present: Forecast) -> set[str]:
    """The tasks that are due in one of the peaks."""
    found: set[str] = set()
    for peak in present.peaks:
        begin = peak.at.astimezone(UTC).replace(tzinfo=None)
        spans = {timedelta(): Span(begin, begin + _MINUTE)}
        for task in load.tasks:
            if task.id not in found:
                jitter = task.rules.jitter
                span = spans.setdefault(jitter, Span(begin - jitter, begin + _MINUTE))
                schedule = parse(task.schedule, task.timezone, task_id=task.id)
                if any(due_in(span, schedule, replace(task, rules=replace(task.rules, jitter=timedelta())))):
                    found.add(task.id)
    return found
