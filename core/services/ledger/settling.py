"""Settles the ledger: stores why instants have no execution, once nothing is to be expected of them any more.

A duty of the leader. It moves a watermark over the time behind it. Each write is repeatable and names its instant, so
a process that dies in between, or several at work, leave each instant with one entry at most.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from falcon_scheduler.core.domain.occurrence import Occurrence, Reason
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import TaskNotFound, UnreadableDocument
from falcon_scheduler.core.pace import Pace
from falcon_scheduler.core.ports import Clock, TaskStore, Watermark
from falcon_scheduler.core.ports.ledger import LedgerStore, Outage
from falcon_scheduler.core.services.duty import Duty, Unhurried
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.excluded import excluded_rows
from falcon_scheduler.core.services.ledger.outages import Outages, outage_at
from falcon_scheduler.core.services.ledger.spans import (
    held_between,
    held_row,
    instants_between,
    named,
    periods_between,
)
from falcon_scheduler.core.services.mirror.mirror import WATERMARK as MIRROR
from falcon_scheduler.core.services.mirror.plan_watch import WATERMARK as PLAN
from falcon_scheduler.core.services.tasks.after_outage import with_gap
from falcon_scheduler.core.services.tasks.fire_times import period_at

logger = logging.getLogger(__name__)

WATERMARK = "ledger"
SETTLE_INTERVAL = timedelta(seconds=60)
"""Each time reads all tasks. Until it has come, a list makes up for it from the schedules."""
GRACE = timedelta(seconds=90)
"""How old an instant is when it is settled. By then a change made in Prefect is known, and a late run too."""
SLICE = timedelta(minutes=10)
"""How much of a long absence is settled at once."""
SHARE = 0.02
"""The share of time that settling may take while there is much of it."""
BEHIND = timedelta(seconds=60)
"""A mark that is older than this is behind: its duty does not come to its work."""
STEADY_FOR = GRACE + timedelta(seconds=10)
"""So long that the first time after an absence settles all of it: what is caught up with is decided on the whole."""
_TASKS_AT_ONCE = 50
_SECOND = timedelta(seconds=1)

Gap = tuple[Task, Sequence[datetime]]
"""Instants of a task that follow each other and have no execution."""


class Settling:
    """May run in any number of facades."""

    def __init__(
        self,
        *,
        store: LedgerStore,
        tasks: TaskStore,
        watermark: Watermark,
        outages: Outages,
        authors: Authors,
        clock: Clock,
        grace: timedelta = GRACE,
        steady_for: timedelta = STEADY_FOR,
    ) -> None:
        """`steady_for` is how long the mirror and the watch of the plan are up to date before anything is settled."""
        self._store = store
        self._tasks = tasks
        self._watermark = watermark
        self._outages = outages
        self._authors = authors
        self._clock = clock
        self._grace = grace
        self._steady_for = steady_for
        self._steady_since: datetime | None = None

    def duty(self) -> Duty:
        """Settling, as a duty."""
        return Unhurried("settle the ledger", self.settle, SETTLE_INTERVAL, Pace(SHARE))

    async def settle(self) -> None:
        """Settle what is old enough. Raises `Unavailable`; the next time begins where this one did."""
        position = await self._watermark.read(WATERMARK)
        if position is None:  # the ledger begins now, and what is due from here on is in it
            await self._watermark.write(WATERMARK, self._clock.now())
            return
        until = await self._known_until()
        if until is None:
            return
        while position < until:
            end = min(position + SLICE, until)
            await self._settle(position, end, until)
            await self._watermark.write(WATERMARK, end)
            position = end

    async def _known_until(self) -> datetime | None:
        """Up to when all is known; None while the mirror or the watch of the plan is behind, and shortly after.

        What the watch of the plan makes up for after an absence has its execution by then.
        """
        now = self._clock.now()
        marks = [await self._watermark.read(name) for name in (MIRROR, PLAN)]
        if any(each is None or now - each > BEHIND for each in marks):
            self._steady_since = None
            return None
        self._steady_since = self._steady_since or now
        return now - self._grace if now - self._steady_since >= self._steady_for else None

    async def _settle(self, begin: datetime, end: datetime, until: datetime) -> None:
        served = await self._store.served(begin, end)
        gaps: list[Gap] = []
        held: list[Occurrence] = []
        number = 0
        async for task in self._tasks.all():
            number += 1
            if number % _TASKS_AT_ONCE == 0:
                await asyncio.sleep(0)
            gaps += gaps_of(task, begin, end, served.get(task.id, ()))
            held += await self._held(task, begin, end)
        await self._store.add(held)
        await self._owe(gaps, end, until)
        await self._add_gaps(gaps, begin, end)

    async def _held(self, task: Task, begin: datetime, end: datetime) -> Sequence[Occurrence]:
        """The rows of held periods and excluded days that end in this time. One that lasts is read from the task."""
        found = []
        for period, until in held_between(task, begin, end, self._clock.now()):
            if begin < until <= end and period != task.known_periods[-1]:
                by = await self._authors.of(task.id, period.since)
                found.append(held_row(task, period, until, by=by))
        rows = [each for each in found if each is not None]
        rows += excluded_rows(task, begin, self._clock.now(), lambda over: begin < over <= end)
        return rows

    async def _owe(self, gaps: Sequence[Gap], end: datetime, until: datetime) -> None:
        """Store the owed runs of the tasks that catch up. They start when the time up to `until` is settled."""
        missed: dict[str, list[datetime]] = defaultdict(list)
        for task, instants in gaps:
            if task.definition.catch_up.after_outage is not None:
                missed[task.id] += instants
        now = self._clock.now()
        for task_id, instants in missed.items():
            with suppress(TaskNotFound, UnreadableDocument):  # deleted, or damaged, in between
                await self._tasks.change(
                    task_id, partial(with_gap, instants=instants, until=end, now=now, settled=until)
                )

    async def _add_gaps(self, gaps: Sequence[Gap], begin: datetime, end: datetime) -> None:
        if not gaps:
            return
        away = await self._outages.between(begin, end)
        known: dict[str, list[Occurrence]] = defaultdict(list)
        for entry in await self._store.entries(begin - SLICE, end):
            known[entry.task_id].append(entry)
        rows: list[Occurrence] = []
        number = 0
        for task, instants in gaps:
            entries = known[task.id]
            new = [each for each in instants if not any(entry.at <= each <= entry.until for entry in entries)]
            number += len(new)
            for row in _rows(task, new, away):
                last = max((each for each in entries if each.until < row.at), key=_until, default=None)
                is_longer = last is not None and _continues(last, row, task)
                if last is None or not is_longer or not await self._store.extend(last, row.until, row.count):
                    rows.append(row)
                entries.append(row)
        await self._store.add(rows)
        if number:
            logger.warning("%d instants did not run, of %d tasks", number, len({task.id for task, _ in gaps}))


def gaps_of(task: Task, begin: datetime, end: datetime, served: Collection[datetime]) -> list[Gap]:
    """The instants of a task without an execution; those of one gap follow each other within one period."""
    found: list[list[datetime]] = []
    for period, until in periods_between(task, begin, end):
        found.append([])
        for instant in named(period, task, max(begin, period.since), until):
            if instant not in served:
                found[-1].append(instant)
            elif found[-1]:
                found.append([])
    return [(task, instants) for instants in found if instants]


def _rows(task: Task, instants: Sequence[datetime], away: Sequence[Outage]) -> list[Occurrence]:
    """One row for each part of a gap with one cause."""
    rows: list[Occurrence] = []
    for outage, group in groupby(instants, key=lambda each: outage_at(each, away)):
        part = [*group]
        rows.append(
            Occurrence.without_run(
                task.id,
                part[0],
                _unplanned(task) if outage is None else Reason(outage.cause),
                until=part[-1],
                count=len(part),
                since=None if outage is None else outage.since,
                text=_text(task, outage),
            )
        )
    return rows


def _unplanned(task: Task) -> Reason:
    """Why nothing was planned although nothing was away.

    No more runs are planned than `max_runs` leaves, so the last ones may wait while further instants come.
    """
    return Reason.RUN_LIMIT if task.runs_left == 0 else Reason.NOT_PLANNED


def _text(task: Task, outage: Outage | None) -> str:
    catch_up = task.definition.catch_up.after_outage
    if outage is None and _unplanned(task) is Reason.RUN_LIMIT:
        return ""
    texts = ["" if outage is None else outage.text, f"after_outage: {catch_up.describe()}" if catch_up else ""]
    return "; ".join(filter(None, texts))


def _until(entry: Occurrence) -> datetime:
    return entry.until


def _continues(last: Occurrence, row: Occurrence, task: Task) -> bool:
    """Whether a row has the cause and the period of the one before, and the task was not due in between."""
    if period_at(task, last.until) != period_at(task, row.at):
        return False
    if (last.reason, last.since, last.count > 0) != (row.reason, row.since, True):
        return False
    return next(instants_between(task, last.until + _SECOND, row.at), None) is None
