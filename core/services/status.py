"""The health of the service, and its numbers. Every component is checked; nothing is assumed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, ExecutionStore, Health, HealthProbe, Runs, TaskCounts, TaskStore
from falcon_scheduler.core.services.tasks.fire_times import next_run

PROBE_TIMEOUT = timedelta(seconds=5)
SHOWN_PROBLEMS = 3
READINESS_TIMEOUT = timedelta(seconds=2)
"""For readiness probes, which are frequent and wait a short time."""
VITAL = frozenset({"mongodb", "prefect"})
"""Without these the API can't answer; without the others it goes on with less."""
_STEPS = [timedelta(minutes=1) * 8**exponent for exponent in range(7)]
"""How far ahead the next instant is searched, step by step: up to half a year, then without a bound."""
_FOREVER = datetime.max.replace(tzinfo=UTC)


class Condition(StrEnum):
    """The service as a whole."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It works with less: a part that it can do without is away, or an alert reports a failing part."""
    UNHEALTHY = "unhealthy"
    """A part that it can't do without is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Numbers. "Today" begins at 00:00 UTC; the average is over today's executions."""

    total_tasks: int
    enabled_tasks: int
    impeded_tasks: int
    """Tasks that can't run as they are stored."""
    running_tasks: int
    completed_today: int
    failed_today: int
    average_runtime: timedelta
    next_scheduled_run: datetime | None
    worker_count: int
    """Executions that the online workers take at once, as they report it."""
    queue_size: int
    """Executions that wait."""
    active_executions: int

    @property
    def success_rate(self) -> float | None:
        """Percent of today's executions that completed; None before the first."""
        ended = self.completed_today + self.failed_today
        return 100 * self.completed_today / ended if ended else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """The condition, each component's answer, and the numbers (None when MongoDB is away)."""

    condition: Condition
    message: str
    components: tuple[Health, ...]
    stats: Stats | None
    checked_at: datetime


class StatusService:
    """Answers `/status` and `/stats`."""

    def __init__(
        self,
        *,
        tasks: TaskStore,
        executions: ExecutionStore,
        runs: Runs,
        clock: Clock,
        probes: Sequence[HealthProbe],
        workforce: Callable[[], Awaitable[Workforce]],
        problems: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        """`problems` returns further known problems of the service, as sentences."""
        self._tasks = tasks
        self._executions = executions
        self._runs = runs
        self._clock = clock
        self._probes = probes
        self._workforce = workforce
        self._problems = problems

    async def status(self, numbers: Callable[[], Awaitable[Stats]] | None = None) -> ServiceStatus:
        """Check all components at the same time. Never raises because one is away.

        Args:
            numbers: where the numbers come from, when not from `stats`.
        """
        components = tuple(await asyncio.gather(*(probe.check(PROBE_TIMEOUT) for probe in self._probes)))
        condition, message = overall(components)
        stats = None
        if all(component.healthy for component in components if component.name in VITAL):
            try:
                unable, others = (await self._workforce()).problem, await self._problems()
                condition, message = with_problems(condition, message, [*filter(None, [unable]), *others])
                stats = await (numbers or self.stats)()
            except Unavailable as error:
                condition, message = Condition.UNHEALTHY, str(error)
        return ServiceStatus(
            condition=condition,
            message=message,
            components=components,
            stats=stats,
            checked_at=self._clock.now(),
        )

    async def away(self) -> list[str]:
        """Names of the components that do not answer and without which the API can't answer."""
        vital = [probe for probe in self._probes if probe.name in VITAL]
        answers = await asyncio.gather(*(probe.check(READINESS_TIMEOUT) for probe in vital))
        return sorted(answer.name for answer in answers if not answer.healthy)

    async def stats(self) -> Stats:
        """The numbers. Raises `Unavailable` when MongoDB or Prefect is away."""
        now = self._clock.now()
        tasks, running, waiting, workforce = await asyncio.gather(
            self._tasks.counts(now.astimezone(UTC).date()),
            self._executions.running(),
            self._runs.waiting(),
            self._workforce(),
        )
        return Stats(
            total_tasks=tasks.total,
            enabled_tasks=tasks.enabled,
            impeded_tasks=tasks.impeded,
            running_tasks=tasks.running,
            completed_today=tasks.completed,
            failed_today=tasks.failed,
            average_runtime=_average(tasks),
            next_scheduled_run=await self._next_run(now),
            worker_count=workforce.slots,
            queue_size=waiting,
            active_executions=running,
        )

    async def _next_run(self, now: datetime) -> datetime | None:
        """The soonest instant of all tasks. Of thousands only those are read that are due by then.

        A stored next run may be past, but it is never later than the next instant, except that of a task whose change
        has not reached the engine yet. So the first instant that is before the bound of a step is the soonest of all.
        """
        changed = [next_run(task, now) for task in await self._tasks.unplanned(_FOREVER)]
        for bound in (*(now + step for step in _STEPS), _FOREVER):
            due = [*changed, *[next_run(task, now) async for task in self._tasks.due_before(bound)]]
            soonest = min((each for each in due if each is not None), default=None)
            if soonest is not None and soonest < bound:
                return soonest
        return None


def overall(components: Sequence[Health]) -> tuple[Condition, str]:
    """The worst that the components' answers mean for the service, in a word and a sentence."""
    away = [component.name for component in components if not component.healthy]
    if not away:
        return Condition.HEALTHY, "All components answer"
    condition = Condition.UNHEALTHY if VITAL & set(away) else Condition.DEGRADED
    return condition, f"Not answering: {', '.join(sorted(away))}"


def with_problems(condition: Condition, message: str, problems: Sequence[str]) -> tuple[Condition, str]:
    """The condition and its sentence with what else is known to be wrong."""
    if not problems:
        return condition, message
    shown = [message] if condition is not Condition.HEALTHY else []
    shown += problems[:SHOWN_PROBLEMS]
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(f"and {len(problems) - SHOWN_PROBLEMS} more, see the alerts")
    return (Condition.DEGRADED if condition is Condition.HEALTHY else condition), "; ".join(shown)


def _average(counts: TaskCounts) -> timedelta:
    ended = counts.completed + counts.failed
    return counts.runtime_total / ended if ended else timedelta()
