"""Every instant of the schedules has one fate in the ledger, and the fate is true by the work's own log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.occurrence import Fate, Occurrence
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.ledger.ledger import OccurrenceFilter
from falcon_scheduler.core.services.ledger.spans import instants_between

AT_WORK = frozenset({Fate.RAN, Fate.CAUGHT_UP})
_SECOND = timedelta(seconds=1)


async def fates_of(services: Services, task: Task, begin: datetime, end: datetime) -> Sequence[Occurrence]:
    """Every entry of the ledger about a task in this time."""
    wanted = OccurrenceFilter(task=task, begin=begin, end=end)
    page = await services.ledger.ledger.page(wanted, limit=500)
    found = [*page.occurrences]
    while page.following is not None:
        page = await services.ledger.ledger.page(wanted, limit=500, after=page.following)
        found += page.occurrences
    return found


def untrue(
    task: Task, fates: Sequence[Occurrence], begun: Collection[str], begin: datetime, end: datetime
) -> list[str]:
    """What is wrong with the fates of a task's instants. `begun` are the runs that did work, by their own log."""
    single = Counter(each.at for each in fates if each.until == each.at)
    rows = [each for each in fates if each.until != each.at]
    name, found = task.definition.name, []
    for instant in instants_between(task, begin, end):
        own = single[instant]
        covering = [row for row in rows if row.at <= instant <= row.until] if own == 0 else []
        if own + len(covering) != 1:
            found.append(f"task {name} has {own + len(covering)} fates for {instant}")
    for each in fates:
        worked = each.execution_id in begun
        if each.fate not in AT_WORK and worked:
            found.append(f"task {name} did work for {each.at}, and its fate is {each.fate}")
        if each.fate in AT_WORK and each.outcome == "completed" and not worked and task.definition.type == "function":
            found.append(f"task {name} did no work for {each.at}, and its fate is {each.fate}")
        if each.fate is Fate.WAITING and each.execution_id:
            found.append(f"task {name} has execution {each.execution_id} that waits for {each.at} still")
    return found


async def check_ledger(
    services: Services, tasks: Collection[Task], begun: Collection[str], begin: datetime, end: datetime
) -> tuple[list[str], Counter[str]]:
    """The violations, and how many entries have which fate."""
    found: list[str] = []
    totals: Counter[str] = Counter()
    for task in tasks:
        fates = await fates_of(services, task, begin, end + _SECOND)
        found += untrue(task, fates, begun, begin, end)
        totals.update(f"{each.fate}{f' ({each.reason})' if each.reason else ''}" for each in fates)
    return found, totals
