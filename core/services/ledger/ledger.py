"""Reads the ledger: the fate of every instant that the schedules named in a time, in pages.

An execution is the fate of its instant. What has no execution is read from the entries that the settling wrote, and
for the last minutes, which are not settled yet, from the schedules themselves. So the answer is complete up to now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from falcon_scheduler.core.domain.occurrence import SWITCHED, Fate, Occurrence, Reason
from falcon_scheduler.core.domain.schedule import EARLIEST
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import Invalid
from falcon_scheduler.core.ports import Clock, TaskStore, Watermark
from falcon_scheduler.core.ports.ledger import LedgerStore
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.excluded import excluded_rows
from falcon_scheduler.core.services.ledger.merging import Key, key_of, merged
from falcon_scheduler.core.services.ledger.settling import WATERMARK
from falcon_scheduler.core.services.ledger.spans import (
    MOST_COUNTED,
    held_between,
    held_row,
    held_since,
    instants_between,
)

LONGEST_SPAN = timedelta(days=366)
DEFAULT_SPAN = timedelta(days=1)
MOST_READS = 20
"""How often one page reads on while a filter leaves nothing."""
REMEMBERED_FOR = timedelta(seconds=5)
"""For so long the tasks that were read serve the next pages too."""
FEW_COUNTED = 10
"""Of a row in the list of all tasks, how many occurrences are counted."""
_NEAREST = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurrencePage:
    """A page; `following` is where the next one begins, `None` on the last."""

    occurrences: Sequence[Occurrence]
    following: Key | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurrenceFilter:
    """Which occurrences; an empty field does not narrow. They are those of the last day unless `begin` is given."""

    task: Task | None = None
    begin: datetime | None = None
    end: datetime | None = None
    fates: Collection[Fate] = ()
    reasons: Collection[Reason] = ()

    def keeps(self, occurrence: Occurrence) -> bool:
        """Whether the filter lets it through."""
        return occurrence.fate in (self.fates or Fate) and (
            not self.reasons or (occurrence.reason is not None and occurrence.reason in self.reasons)
        )


class Ledger:
    """May be used in any number of facades."""

    def __init__(
        self, *, store: LedgerStore, tasks: TaskStore, watermark: Watermark, clock: Clock, authors: Authors
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._watermark = watermark
        self._clock = clock
        self._authors = authors
        self._remembered: tuple[datetime, Sequence[Task]] | None = None

    async def page(self, wanted: OccurrenceFilter, *, limit: int, after: Key | None = None) -> OccurrencePage:
        """About `limit` occurrences in order of time, behind `after`, which is `following` of the page before.

        Raises:
            Invalid: the time is longer than `LONGEST_SPAN`, or ends before it begins.
        """
        now = self._clock.now()
        end = min(wanted.end or now, now)
        if end <= EARLIEST and wanted.begin is None:
            return OccurrencePage(occurrences=(), following=None)
        begin = wanted.begin or end - DEFAULT_SPAN
        if wanted.end is not None and wanted.end <= begin:
            raise Invalid.of("query.to", "must be later than from")
        if end - begin > LONGEST_SPAN:
            raise Invalid.of("query.to", f"must be at most {LONGEST_SPAN.days} days after from")
        return await self._page(wanted, max(begin, EARLIEST), end, limit, after)

    async def _page(
        self, wanted: OccurrenceFilter, begin: datetime, end: datetime, limit: int, after: Key | None
    ) -> OccurrencePage:
        found: list[Occurrence] = []
        position = begin if after is None else max(begin, after[0])
        is_first = after is None
        for _ in range(MOST_READS):
            if position >= end or len(found) > limit:
                break
            occurrences, until = await self._read(wanted.task, position, end, limit + 1)
            for each in occurrences:
                is_new = is_first or (each.at >= position and (after is None or key_of(each) > after))
                if is_new and wanted.keeps(each):
                    found.append(each)
            position, is_first = until, False
        shown, following = _cut(found, limit)
        if following is None and position < end:
            following = (position, "")
        shown = await self._with_begin_of_hold(shown, wanted.task)
        return OccurrencePage(occurrences=await self._authors.named(shown), following=following)

    async def _with_begin_of_hold(self, shown: Sequence[Occurrence], task: Task | None) -> Sequence[Occurrence]:
        """A run that was skipped because its task was held knows neither since when, nor by whom."""
        unknown = {each.task_id for each in shown if each.reason in SWITCHED and each.since is None}
        if not unknown:
            return shown
        tasks = {each.id: each async for each in self._of(task) if each.id in unknown}
        return [
            replace(each, since=held_since(tasks[each.task_id], each.at))
            if each.reason in SWITCHED and each.since is None and each.task_id in tasks
            else each
            for each in shown
        ]

    async def at(self, task: Task, instant: datetime) -> Occurrence | None:
        """The fate of one instant; `None` if the schedule in force at it does not name it."""
        occurrences, _ = await self._read(task, instant, instant + _NEAREST, 100)
        single = [each for each in occurrences if each.at == instant and each.until == instant]
        covering = [each for each in occurrences if each.at <= instant <= each.until]
        return next(iter([*single, *covering]), None)

    async def _read(
        self, task: Task | None, begin: datetime, end: datetime, limit: int
    ) -> tuple[list[Occurrence], datetime]:
        """What is known from `begin` up to an instant, and that instant: `end`, or earlier where there is much."""
        task_id = None if task is None else task.id
        settled = await self._watermark.read(WATERMARK) or self._clock.now()
        fates = await self._store.fates(begin, end, task_id=task_id, limit=limit)
        until = fates.until
        entries = {
            key_of(each): each
            for each in await self._store.entries(
                begin, until, task_id=task_id, limit=None if task is None else limit
            )
        }
        if task is not None and len(entries) >= limit:
            until = min(until, max(each.at for each in entries.values()) + _NEAREST)
        open_ones: list[Occurrence] = []
        async for each in self._of(task):
            for row in self._held(each, settled, begin, until, MOST_COUNTED if task else FEW_COUNTED):
                entries.setdefault(key_of(row), row)
            some = [*islice(instants_between(each, max(begin, settled), until), limit)]
            if len(some) >= limit:
                until = min(until, some[-1] + _NEAREST)
            open_ones += (_waiting(each.id, at) for at in some)
        findings = [each for each in (*fates.found, *open_ones) if each.at < until]
        known = [each for each in entries.values() if each.at < until]
        return merged(_without_entries(findings, known), known), until

    def _held(self, task: Task, settled: datetime, begin: datetime, end: datetime, most: int) -> Iterator[Occurrence]:
        """The rows of held periods and excluded days that are not over, or not settled yet."""
        for period, until in held_between(task, begin, end, self._clock.now()):
            if until > settled or period == task.known_periods[-1]:
                row = held_row(task, period, until, most=most)
                if row is not None and row.until >= begin:
                    yield row
        now = self._clock.now()
        for row in excluded_rows(task, max(begin, settled), now, lambda over: over > settled, most=most):
            if row.until >= begin and row.at < end:
                yield row

    async def _of(self, task: Task | None) -> AsyncIterator[Task]:
        if task is not None:
            yield task
            return
        now = self._clock.now()
        if self._remembered is None or not timedelta() <= now - self._remembered[0] < REMEMBERED_FOR:
            self._remembered = now, [each async for each in self._tasks.all()]
        for each in self._remembered[1]:
            yield each


def _waiting(task_id: str, at: datetime) -> Occurrence:
    return Occurrence(task_id=task_id, at=at, until=at, fate=Fate.WAITING)


def _without_entries(findings: Sequence[Occurrence], entries: Sequence[Occurrence]) -> Sequence[Occurrence]:
    """Without what is undecided here, while an execution decides it or another facade has just settled it."""
    decided = {(each.task_id, each.at) for each in (*entries, *(one for one in findings if one.execution_id))}
    return [
        each
        for each in findings
        if each.execution_id or each.fate is not Fate.WAITING or (each.task_id, each.at) not in decided
    ]


def _cut(found: Sequence[Occurrence], limit: int) -> tuple[Sequence[Occurrence], Key | None]:
    """The page, and its last key if others follow. A row and its first occurrence are never parted."""
    if len(found) <= limit:
        return found, None
    while limit < len(found) and key_of(found[limit]) == key_of(found[limit - 1]):
        limit += 1
    return found[:limit], (key_of(found[limit - 1]) if limit < len(found) else None)
