"""Forecasts the load of all tasks, with changes that are not stored yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from falcon_scheduler.core.aside import in_thread
from falcon_scheduler.core.domain.calendars import CalendarRules
from falcon_scheduler.core.domain.forecast.load import Load, Simulation, Workload
from falcon_scheduler.core.domain.schedule import ScheduleError, parse, parse_stored
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.domain.workforce import OnlineWorker, Workforce
from falcon_scheduler.core.errors import Fault, Invalid, Unavailable
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.calendars import CalendarStore
from falcon_scheduler.core.ports.forecasts import Simulator
from falcon_scheduler.core.services.tasks.calendars import resolved
from falcon_scheduler.core.services.tasks.planned_tasks import (
    Basis,
    Change,
    Planned,
    SimulatedAction,
    changed_by,
    created_by,
    planned_of,
    with_durations,
)
from falcon_scheduler.core.services.tasks.time_validation import time_faults

LONGEST = timedelta(days=31)
MOST_CHANGES = 1000
MOST_TASK_HOURS = 1_500_000
"""Tasks times hours of one forecast: 2,000 tasks for a month."""
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_HOUR = timedelta(hours=1)
_BREATH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A simulation, with what it is based on."""

    load: Load
    simulation: Simulation
    slots_are: Basis
    """Whether the slots were given, are those of the online workers (measured), or the setting's (assumed)."""
    durations: dict[Basis, int]
    """How many tasks' durations come from where."""


class LoadForecasts:
    """Reads the tasks as they are, and stores nothing."""

    def __init__(
        self,
        *,
        tasks: Callable[[], AsyncIterator[Task]],
        calendars: CalendarStore,
        workforce: Callable[[], Awaitable[Workforce]],
        simulator: Simulator,
        clock: Clock,
        slots_of_a_worker: int,
        http_slots_of_a_worker: int = 0,
        default_timezone: str,
    ) -> None:
        """`tasks` reads every task, without its config."""
        self._tasks = tasks
        self._calendars = calendars
        self._workforce = workforce
        self._simulator = simulator
        self._clock = clock
        self._assumed = OnlineWorker(name="", slots=slots_of_a_worker, http_slots=http_slots_of_a_worker)
        self._default_timezone = default_timezone

    async def outlook(
        self, begin: datetime | None, end: datetime | None, changes: Sequence[Change], slots: int | None
    ) -> Outlook:
        """Forecast from `begin` (now) to `end` (a day later).

        Args:
            changes: applied in order to the tasks as they are.
            slots: how many runs are performed at once, of all tasks; None means the slots of the workers that are
                online, which have others for http tasks.

        Raises:
            Invalid: a time, a change or the amount is wrong; the error names the field.
            Unavailable: a store does not answer, or the forecast took too long.
        """
        now = self._clock.now()
        begin = begin or now
        end = end or begin + timedelta(days=1)
        _check_time(begin, end)
        changes = await self._with_calendars(changes)
        tasks = await self._read()
        planned = await in_thread(self._planned, tasks, changes, now)
        if len(planned) * -(-(end - begin) // _HOUR) > MOST_TASK_HOURS:
            days = MOST_TASK_HOURS // max(len(planned), 1) // 24
            raise Invalid.of(
                "to", f"{len(planned)} tasks are too many for this time; at most {days} days are allowed"
            )
        given = Workforce(workers=[OnlineWorker(name="", slots=slots)]) if slots else None
        workforce, source = (given, Basis.GIVEN) if given else await self._slots()
        workloads, durations = with_durations(planned)
        load = Load(tasks=workloads, begin=begin, end=end, slots=workforce.slots, http_slots=workforce.http_slots)
        return Outlook(
            load=load, simulation=await self._simulator.simulate(load), slots_are=source, durations=durations
        )

    async def _with_calendars(self, changes: Sequence[Change]) -> Sequence[Change]:
        """The changes with the days of the calendars that they name. Raises `Invalid`."""
        known: dict[CalendarRules, CalendarRules] = {}
        found, faults = [], list[Fault]()
        for number, change in enumerate(changes):
            named = change.time_rules.get("calendars")
            if named is not None and named not in known:
                known[named], wrong = await resolved(named, self._calendars, f"changes.{number}.calendars")
                faults += wrong
            rules = change.time_rules if named is None else {**change.time_rules, "calendars": known[named]}
            found.append(replace(change, time_rules=rules))
        if faults:
            raise Invalid(faults)
        return found

    async def _slots(self) -> tuple[Workforce, Basis]:
        with suppress(Unavailable):
            online = await self._workforce()
            if online.slots:
                return online, Basis.MEASURED
        return Workforce(workers=[self._assumed]), Basis.ASSUMED

    async def _read(self) -> list[Task]:
        found = []
        async for task in self._tasks():
            found.append(task)
            if len(found) % _BREATH == 0:
                await asyncio.sleep(0)  # a batch comes at once, and others want to work too
        return found

    def _planned(self, tasks: Sequence[Task], changes: Sequence[Change], now: datetime) -> list[Planned]:
        found: dict[str, Planned] = {}
        held: dict[str, Planned] = {}
        for task in tasks:
            definition = task.definition
            if parse_stored(definition.schedule, definition.timezone, task.id) is not None:
                (found if task.fires else held)[task.id] = planned_of(task)
        faults: list[Fault] = []
        for number, change in enumerate(changes):
            faults += self._apply(change, f"changes.{number}", found, held, now)
        if faults:
            raise Invalid(faults)
        return [found[task_id] for task_id in sorted(found)]

    def _apply(
        self, change: Change, where: str, found: dict[str, Planned], held: dict[str, Planned], now: datetime
    ) -> list[Fault]:
        present = found.get(change.task_id) or held.get(change.task_id)
        if change.action is SimulatedAction.CREATE:
            if change.task_id and present:
                return [Fault(f"{where}.task_id", "a task has this id; replace it")]
            if change.schedule is None:
                return [Fault(f"{where}.schedule", "is required for a task that is created")]
            present = created_by(change, now, self._default_timezone)
        elif not change.task_id:
            return [Fault(f"{where}.task_id", f"is required to {change.action} a task")]
        elif present is None:
            return [Fault(f"{where}.task_id", "no task with a schedule has this id")]
        task_id, was_held = present.workload.id, present.workload.id in held
        found.pop(task_id, None)
        held.pop(task_id, None)
        if change.action is SimulatedAction.DELETE:
            return []
        changed = changed_by(present, change)
        try:
            parse(changed.workload.schedule, changed.workload.timezone, task_id=task_id)
        except ScheduleError as error:
            return [Fault(f"{where}.{'timezone' if error.field == 'timezone' else 'schedule'}", str(error))]
        if wrong := _rule_faults(changed.workload, change, where) if change.time_rules else []:
            return wrong
        fires = change.enabled if change.enabled is not None else not was_held
        (found if fires else held)[task_id] = changed
        return []


def _rule_faults(workload: Workload, change: Change, where: str) -> list[Fault]:
    """What is wrong with the limits of a changed task, as for one that is stored."""
    rules = workload.rules
    definition = TaskDefinition(
        name=workload.name,
        type="",
        schedule=workload.schedule,
        start_at=rules.start_at,
        end_at=rules.end_at,
        max_runs=rules.max_runs,
        jitter=change.time_rules.get("jitter"),
        calendars=rules.calendars,
    )
    return [Fault(each.location.replace("metadata", where, 1), each.message) for each in time_faults(definition)]


def _check_time(begin: datetime, end: datetime) -> None:
    for name, instant in (("from", begin), ("to", end)):
        if not _FIRST_YEAR <= instant.year < _LAST_YEAR:
            raise Invalid.of(name, f"must be a year from {_FIRST_YEAR} to {_LAST_YEAR - 1}")
    if end <= begin:
        raise Invalid.of("to", "must be later than from")
    if end - begin > LONGEST:
        raise Invalid.of("to", f"must be at most {LONGEST.days} days after from")
