"""The busiest minutes, and the tasks that make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.forecast.load import Peak, PeakTask, Workload
from falcon_scheduler.core.domain.forecast.patterns import Span

MOST_PEAKS = 10
TASKS_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MinuteKind:
    """A minute in which certain tasks are due, and all others like it. `columns` has the tasks' patterns by pool."""

    at: datetime
    minute: int
    times: int
    runs: int
    queue: int | None
    late_most: timedelta | None
    columns: tuple[tuple[int, ...], ...]


def peaks_of(
    span: Span, kinds: Sequence[MinuteKind], tasks: Sequence[Sequence[Workload]], minutes: Sequence[Sequence[int]]
) -> list[Peak]:
    """The peaks, the worst first: those in which runs wait longest, then those with the most runs.

    `tasks` are those of each pool, `minutes` the runs of each pattern by minute.
    """
    worst = sorted(kinds, key=lambda each: (-(each.late_most or timedelta()), -each.runs, each.at))
    alike: dict[tuple[timedelta | None, int, int | None], list[MinuteKind]] = {}
    for kind in worst:
        alike.setdefault((kind.late_most, kind.runs, kind.queue), []).append(kind)
    found = []
    for same in [*alike.values()][:MOST_PEAKS]:
        first = min(same, key=lambda each: each.at)
        due = _tasks_of(first, tasks, minutes)
        found.append(
            Peak(
                at=max(first.at, span.begin.replace(second=0, microsecond=0)).replace(tzinfo=UTC),
                times=sum(each.times for each in same),
                runs=first.runs,
                queue=first.queue,
                late_most=first.late_most,
                tasks=[
                    PeakTask(id=task.id, name=task.name, schedule=task.schedule, runs=runs)
                    for task, runs in due[:TASKS_SHOWN]
                ],
                other_tasks=max(len(due) - TASKS_SHOWN, 0),
            )
        )
    return found


def _tasks_of(
    kind: MinuteKind, tasks: Sequence[Sequence[Workload]], minutes: Sequence[Sequence[int]]
) -> list[tuple[Workload, int]]:
    due = [
        (task, runs)
        for pool, column in zip(tasks, kind.columns, strict=True)
        for task, number in zip(pool, column, strict=True)
        if (runs := minutes[number][kind.minute])
    ]
    return sorted(due, key=lambda each: (-(each[0].duration * each[1]), each[0].id))
