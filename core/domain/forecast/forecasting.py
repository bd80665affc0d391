"""Makes a forecast of a load: counts the runs of each minute, and works out the queue hour by hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.forecast.days import due_in
from falcon_scheduler.core.domain.forecast.load import (
    Bucket,
    Forecast,
    Load,
    Overlapping,
    RankLateness,
    Summary,
    Workload,
)
from falcon_scheduler.core.domain.forecast.patterns import MINUTES, SECONDS, Span
from falcon_scheduler.core.domain.forecast.peaks import MinuteKind, peaks_of
from falcon_scheduler.core.domain.forecast.pools import Column, Patterns, Pool, pools_of, work_out
from falcon_scheduler.core.domain.forecast.queueing import HourOfWork
from falcon_scheduler.core.domain.schedule import parse

MOST_BUCKETS = 750
MOST_OVERLAPS = 50
_LENGTHS = [timedelta(minutes=each) for each in (1, 5, 15, 60, 180, 360, 720, 1440)]
_HOUR = timedelta(hours=1)


def forecast(load: Load) -> Forecast:
    """Forecast a load. Raises `ScheduleError` for a schedule that can't be read."""
    span, patterns = Span(_naive(load.begin), _naive(load.end)), Patterns()
    pools = pools_of(load)
    for pool in pools:
        rows = [[patterns.number_of(each) for each in _patterns_of(task, span)] for task in pool.tasks]
        pool.columns = [*zip(*rows, strict=True)] if rows else [()] * len(span.hours)
    budget = load.most_runs
    for pool in pools:
        budget = work_out(pool, patterns, budget)
    return _as_forecast(load, span, pools, patterns)


def _patterns_of(task: Workload, span: Span) -> list[int]:
    return due_in(span, parse(task.schedule, task.timezone, task_id=task.id), task)


def _as_forecast(load: Load, span: Span, pools: Sequence[Pool], patterns: Patterns) -> Forecast:
    counts = _counts_by_hour(pools, patterns)
    length = next((each for each in _LENGTHS if (load.end - load.begin) / each <= MOST_BUCKETS), _LENGTHS[-1])
    worked_out = min((_first_unknown(pool.work) for pool in pools), default=0)
    late = _late_by_rank(pools, worked_out)
    works = [pool.work[:worked_out] for pool in pools]
    known = [each for work in works for each in work if each is not None]
    begun = sum(each.runs for each in late)
    total = sum((each.late * each.runs for each in late), timedelta())
    queues = [
        max(map(sum, zip(*(work.queue for work in together if work), strict=True)), default=0)
        for together in zip(*works, strict=True)
    ]
    summary = Summary(
        runs=sum(map(sum, counts)),
        busiest_minute=max(map(max, counts), default=0),
        busiest_second=_busiest_second(pools, patterns),
        queue=max(queues, default=0),
        late=total / begun if begun else timedelta(),
        late_most=max((each.late_most for each in late), default=timedelta()),
        skipped=sum(each.skipped for each in known),
    )
    overlaps = _overlaps(pools, worked_out)
    end = span.hours[worked_out] if worked_out < len(span.hours) else span.end
    return Forecast(
        summary=summary,
        bucket=length,
        buckets=[*_buckets(load, span, pools, patterns, counts, length)],
        by_rank=late,
        peaks=peaks_of(span, [*_minute_kinds(span, pools, counts)], [pool.tasks for pool in pools], patterns.minutes),
        overlaps=overlaps[:MOST_OVERLAPS],
        overlapping_tasks=len(overlaps),
        worked_out_until=end.replace(tzinfo=UTC),
    )


def _counts_by_hour(pools: Sequence[Pool], patterns: Patterns) -> list[list[int]]:
    """How many runs are due in each minute of each hour."""
    known: dict[tuple[Column, ...], list[int]] = {}
    found = []
    for columns in zip(*(pool.columns for pool in pools), strict=True):
        if columns not in known:
            counts = [0] * MINUTES
            for number, times in Counter(number for column in columns for number in column).items():
                if number:
                    counts = [
                        have + times * more for have, more in zip(counts, patterns.minutes[number], strict=True)
                    ]
            known[columns] = counts
        found.append(known[columns])
    return found


def _busiest_second(pools: Sequence[Pool], patterns: Patterns) -> int:
    most = 0
    for columns in {*zip(*(pool.columns for pool in pools), strict=True)}:
        due = [0] * SECONDS
        for number, times in Counter(number for column in columns for number in column).items():
            for second in patterns.seconds[number]:
                due[second] += times
        most = max(most, max(due))
    return most


def _first_unknown(work: Sequence[HourOfWork | None]) -> int:
    return next((number for number, each in enumerate(work) if each is None), len(work))


def _late_by_rank(pools: Sequence[Pool], hours: int) -> list[RankLateness]:
    found: dict[int, tuple[int, float, float]] = {}
    for pool in pools:
        for work in pool.work[:hours]:
            for rank, (count, total, most) in (work.late_by_rank if work else {}).items():
                have = found.get(rank, (0, 0.0, 0.0))
                found[rank] = have[0] + count, have[1] + total, max(have[2], most)
    return [
        RankLateness(rank=rank, runs=count, late=_length(total / count), late_most=_length(most))
        for rank, (count, total, most) in sorted(found.items())
    ]


def _overlaps(pools: Sequence[Pool], hours: int) -> list[Overlapping]:
    found = []
    for pool in pools:
        times: Counter[int] = Counter()
        for work in pool.work[:hours]:
            times.update(work.overlaps if work else {})
        for task, count in times.items():
            one = pool.tasks[task]
            found.append(Overlapping(id=one.id, name=one.name, times=count, duration=one.duration))
    return sorted(found, key=lambda each: (-each.times, each.id))


def _buckets(
    load: Load,
    span: Span,
    pools: Sequence[Pool],
    patterns: Patterns,
    counts: Sequence[Sequence[int]],
    length: timedelta,
) -> Iterator[Bucket]:
    """The buckets begin on whole lengths, the first one at or before the beginning."""
    needed = [_needed_by_hour(pool, patterns) for pool in pools]
    first = span.hours[0] if span.hours else span.begin
    at = first + (span.begin - first) // length * length if length < _HOUR else first
    while at < span.end:
        until = min(at + length, span.hours[-1] + _HOUR)
        minutes = [*_minutes_between(at - first, until - first)]
        due = [counts[hour][minute] for hour, minute in minutes]
        works = [pool.work[hour] for pool in pools for hour in {hour for hour, _ in minutes}]
        queue, late, late_most = _wait_in(pools, minutes) if None not in works else (None, None, None)
        yield Bucket(
            at=at.replace(tzinfo=UTC),
            runs=sum(due),
            busiest_minute=max(due, default=0),
            used=round(max(_used_in(minutes, *each) for each in zip(pools, needed, strict=True)), 4),
            queue=queue,
            late=late,
            late_most=late_most,
        )
        at = until


def _minutes_between(begin: timedelta, end: timedelta) -> Iterator[tuple[int, int]]:
    minute = timedelta(minutes=1)
    for number in range(begin // minute, end // minute):
        yield divmod(number, MINUTES)


def _wait_in(
    pools: Sequence[Pool], minutes: Sequence[tuple[int, int]]
) -> tuple[int | None, timedelta | None, timedelta | None]:
    """The longest queue of these minutes, and the mean and the longest wait of the runs due in them."""
    queue = begun = 0
    late = most = 0.0
    for hour, minute in minutes:
        works = [work for pool in pools if (work := pool.work[hour])]
        queue = max(queue, sum(work.queue[minute] for work in works))
        begun += sum(work.begun[minute] for work in works)
        late += sum(work.late_sum[minute] for work in works)
        most = max([most, *(work.late_most[minute] for work in works)])
    return queue, _length(late / begun if begun else 0.0), _length(most)


def _used_in(minutes: Sequence[tuple[int, int]], pool: Pool, needed: Sequence[Sequence[float]]) -> float:
    """The share of a pool's slots that the runs of these minutes need."""
    seconds = sum(needed[hour][minute] for hour, minute in minutes)
    return seconds / (60 * len(minutes) * pool.slots) if minutes and pool.slots else 0.0


def _needed_by_hour(pool: Pool, patterns: Patterns) -> list[list[float]]:
    """How many seconds of the pool's slots the runs of each minute need."""
    known: dict[Column, list[float]] = {}
    found = []
    for column in pool.columns:
        if column not in known:
            by_pattern: dict[int, float] = defaultdict(float)
            for task, number in zip(pool.tasks, column, strict=True):
                if number:
                    by_pattern[number] += (task.duration + pool.cost).total_seconds()
            needed = [0.0] * MINUTES
            for number, seconds in by_pattern.items():
                needed = [have + seconds * n for have, n in zip(needed, patterns.minutes[number], strict=True)]
            known[column] = needed
        found.append(known[column])
    return found


def _minute_kinds(span: Span, pools: Sequence[Pool], counts: Sequence[Sequence[int]]) -> Iterator[MinuteKind]:
    """The minutes of all hours; those of hours with the same tasks count as one."""
    seen: dict[tuple[Column, ...], list[int]] = defaultdict(list)
    for hour, columns in enumerate(zip(*(pool.columns for pool in pools), strict=True)):
        seen[columns].append(hour)
    for columns, hours in seen.items():
        works = [[work for pool in pools if (work := pool.work[hour])] for hour in hours]
        for minute in range(MINUTES):
            if not (runs := counts[hours[0]][minute]):
                continue
            known = [each for each in works if len(each) == len(pools)]
            queue = max((sum(work.queue[minute] for work in each) for each in known), default=None)
            late = max((work.late_most[minute] for each in known for work in each), default=None)
            yield MinuteKind(
                at=span.hours[hours[0]] + timedelta(minutes=minute),
                minute=minute,
                times=len(hours),
                runs=runs,
                queue=queue,
                late_most=None if late is None else _length(late),
                columns=columns,
            )


def _length(seconds: float) -> timedelta:
    return timedelta(milliseconds=round(1000 * seconds))


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None, microsecond=0)
