"""Facts of an explanation, as names and texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from falcon_scheduler.core.domain.audit import AuditEntry
from falcon_scheduler.core.domain.calendars import Exclusion
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.explanation import Fact
from falcon_scheduler.core.domain.wording import first_line
from falcon_scheduler.core.ports.ledger import Outage
from falcon_scheduler.core.ports.run_times import RunTimes

_MILLISECOND = timedelta(milliseconds=1)


def at(name: str, instant: datetime | None) -> list[Fact]:
    """An instant, if there is one."""
    if instant is None:
        return []
    moment = instant.astimezone(UTC)
    return [Fact(name=name, value=f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z")]


def length(name: str, span: timedelta | None) -> list[Fact]:
    """A length of time, if there is one; never negative, in whole milliseconds."""
    if span is None:
        return []
    return [Fact(name=name, value=format_duration(max(span, timedelta()) // _MILLISECOND * _MILLISECOND))]


def text(name: str, value: str) -> list[Fact]:
    """A text that is not empty; its first line."""
    return [Fact(name=name, value=first_line(value))] if value else []


def of_entry(entry: AuditEntry | None) -> list[Fact]:
    """Who made a change, when, and through which door."""
    if entry is None:
        return []
    return [
        *text("by", entry.user_id),
        *text("change", str(entry.action)),
        *at("changed_at", entry.at),
        *text("door", str(entry.origin.door)),
        *text("audit_entry", entry.id),
    ]


def of_exclusion(exclusion: Exclusion) -> list[Fact]:
    """Which calendar excludes the day, in which version, and which day that is in the task's zone."""
    calendars = exclusion.calendars
    return [
        *text("calendar", ", ".join(each.name for each in calendars)),
        *text("calendar_version", ", ".join(str(each.version) for each in calendars)),
        *text("day", exclusion.day.isoformat()),
        *text("detail", exclusion.text),
    ]


def of_outage(outage: Outage) -> list[Fact]:
    """What was away, and from when to when."""
    return [*text("away", outage.text), *at("away_since", outage.since), *at("away_until", outage.until)]


def of_execution(execution: Execution) -> list[Fact]:
    """Where and when it ran, and how it ended."""
    return [
        *text("execution", execution.id),
        *text("worker", execution.worker_id),
        *text("outcome", str(execution.outcome or "")),
        *text("error", execution.error),
        *at("last_sign_of_life", execution.heartbeat_at),
        *at("ended_at", execution.completed_at),
        *(text("attempts", str(len(execution.attempts))) if len(execution.attempts) > 1 else []),
    ]


def of_lateness(instant: datetime, began_at: datetime | None, times: RunTimes) -> list[Fact]:
    """How late the work began: until its run was planned, until a worker took it, and until it began.

    Without `began_at` it never began: then only how far it came is known.
    """
    planned = max(instant, times.planned_at) if times.planned_at else None
    claimed = max(planned or instant, times.claimed_at) if times.claimed_at else began_at
    return [
        *at("began_at", began_at),
        *length("late", began_at - instant if began_at else None),
        *length("late_by_planner", planned - instant if planned else None),
        *length("late_in_queue", claimed - planned if claimed and planned else None),
        *length("late_at_start", began_at - claimed if began_at and claimed else None),
    ]


def joined(*groups: Sequence[Fact]) -> tuple[Fact, ...]:
    """The facts of all groups; of two with one name the first."""
    found: dict[str, Fact] = {}
    for group in groups:
        for fact in group:
            found.setdefault(fact.name, fact)
    return tuple(found.values())
