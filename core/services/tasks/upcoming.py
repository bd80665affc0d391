"""The coming instants of all tasks, in order and in pages."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import Invalid, TaskNotFound
from falcon_scheduler.core.ports import Clock, TaskStore
from falcon_scheduler.core.services.tasks.fire_times import next_in, next_run

LONGEST_SPAN = timedelta(days=366)
MOST_TASKS_NAMED = 50
REMEMBERED_FOR = timedelta(seconds=5)
"""For so long the tasks that were read serve the next pages too."""
_NEAREST = timedelta(microseconds=1)
MOST_FORESEEN = 1000
"""Of a task that is limited to more runs than these its last instant is not computed."""

Instant = tuple[datetime, str]
"""When a task is due, and its id."""
Elsewhere = Callable[[Callable[[], "Upcoming"]], Awaitable["Upcoming"]]
"""Does work where it keeps nobody waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """A page of instants. `more` says whether others follow in the asked time."""

    instants: Sequence[tuple[datetime, Task]]
    more: bool


class UpcomingRuns:
    """Reads schedules, not the engine: what they name is what the engine will do."""

    def __init__(self, *, tasks: TaskStore, clock: Clock) -> None:
        self._tasks = tasks
        self._clock = clock
        self._remembered: tuple[datetime, datetime, Sequence[Task]] | None = None

    async def page(
        self,
        begin: datetime,
        end: datetime,
        *,
        limit: int,
        task_ids: Collection[str] = (),
        after: Instant | None = None,
        elsewhere: Elsewhere,
    ) -> Upcoming:
        """At most `limit` instants from `begin` on and before `end`, behind `after`, the last of the page before.

        What is past is left out. Instants of the same time are in the order of the tasks' ids.

        Raises:
            Invalid: the time is longer than `LONGEST_SPAN`, or ends before it begins.
        """
        begin = max(begin, self._clock.now())
        if end - begin > LONGEST_SPAN:
            raise Invalid.of("query.to", f"must be at most {LONGEST_SPAN.days} days after from")
        tasks = await (self._named(task_ids) if task_ids else self._due_before(end))
        now = self._clock.now()
        return await elsewhere(lambda: _page(tasks, now, begin, end, limit, after))

    async def _named(self, task_ids: Collection[str]) -> Sequence[Task]:
        found = []
        for task_id in sorted(set(task_ids)):
            try:
                found.append(await self._tasks.get(task_id))
            except TaskNotFound:
                continue
        return found

    async def _due_before(self, end: datetime) -> Sequence[Task]:
        now = self._clock.now()
        if self._remembered is not None:
            read_at, until, tasks = self._remembered
            if end <= until and timedelta() <= now - read_at < REMEMBERED_FOR:
                return tasks
        tasks = [task async for task in self._tasks.due_before(end)]
        self._remembered = now, end, tasks
        return tasks


def next_runs(task: Task, now: datetime, count: int) -> list[datetime]:
    """The next instants of one task; empty while its schedule does not fire."""
    found: list[datetime] = []
    following = next_run(task, now)
    count = count if task.runs_left is None else min(count, task.runs_left)
    while following is not None and len(found) < count:
        found.append(following)
        following = next_run(task, following)
    return found


def is_beyond_limit(task: Task, instant: datetime, now: datetime) -> bool:
    """Whether `max_runs` leaves none for an instant to come, if each instant before it uses one of the runs left."""
    if task.runs_left is None or task.runs_left > MOST_FORESEEN:
        return False
    last = next_runs(task, now, task.runs_left)
    return not last or instant > last[-1]


def _page(
    tasks: Sequence[Task], now: datetime, begin: datetime, end: datetime, limit: int, after: Instant | None
) -> Upcoming:
    if after is not None:
        begin = max(begin, after[0])
    by_id = {task.id: task for task in tasks if task.fires}
    waiting = [
        (first, task.id) for task in by_id.values() if (first := next_run(task, begin - _NEAREST)) and first < end
    ]
    heapq.heapify(waiting)
    found: list[Instant] = []
    ends = {task.id: _end_of_limited(task, now, end) for task in by_id.values()}
    for each in _in_order(waiting, by_id, ends):
        if after is None or each > after:
            found.append(each)
        if len(found) > limit:
            break
    instants = [(due_at, by_id[task_id]) for due_at, task_id in found[:limit]]
    return Upcoming(instants=instants, more=len(found) > limit)


def _end_of_limited(task: Task, now: datetime, end: datetime) -> datetime:
    """Before which instant the task's runs end, if each instant uses one of the runs that it is limited to."""
    if task.runs_left is None or task.runs_left > MOST_FORESEEN:
        return end
    last = [*next_runs(task, now, task.runs_left)]
    return min(end, last[-1] + _NEAREST) if last else end


def _in_order(waiting: list[Instant], by_id: Mapping[str, Task], ends: Mapping[str, datetime]) -> Iterator[Instant]:
    """The instants of all tasks, of each of which the next one waits in the heap, before the task's end."""
    while waiting:
        due_at, task_id = waiting[0]
        if due_at >= ends[task_id]:
            heapq.heappop(waiting)
            continue
        yield due_at, task_id
        task = by_id[task_id]
        following = next_in(task.known_periods[-1], task, due_at)
        if following is None or following >= ends[task_id]:
            heapq.heappop(waiting)
        else:
            heapq.heapreplace(waiting, (following, task_id))
