"""Schedules as go-falcon reads them: one robfig/cron v3 expression with seconds, or what of it can't be said so."""

from __future__ import annotations

from falcon_scheduler.core.domain.cron.faults import ScheduleError
from falcon_scheduler.core.domain.cron.fields import KINDS, Kind
from falcon_scheduler.core.domain.cron.timetable import Timetable
from falcon_scheduler.core.domain.cron.timings import Every
from falcon_scheduler.core.domain.schedule import Clause, Schedule, parse

ZONE_PREFIXES = ("CRON_TZ=", "TZ=")


def schedule_for_go(text: str, zone: str, task_id: str) -> str:
    """The text as go-falcon is to have it. One that it can't read stays as it is; `schedule_notes` names it.

    go-falcon knows a zone only from the expression. What this service accepts beyond robfig/cron is written in
    numbers where those say the same.
    """
    named = text.startswith(ZONE_PREFIXES) or text.startswith("@every")
    try:
        schedule = parse(text, zone, task_id=task_id)
    except ScheduleError:
        return text if zone == "UTC" or named else f"CRON_TZ={zone} {text}"
    if unsayable(schedule):
        return text
    plain = _plain(schedule.clauses[0])
    if plain is not None and not _is_robfig(text):
        return plain if schedule.timezone == "UTC" else f"CRON_TZ={schedule.timezone} {plain}"
    return text if zone == "UTC" or named else f"CRON_TZ={zone} {text}"


def unsayable(schedule: Schedule) -> str:
    """What of a schedule go-falcon can't read; empty if it reads all of it."""
    if len(schedule.clauses) > 1:
        return "go-falcon reads one schedule, this text holds several"
    timing = schedule.clauses[0].timing
    if isinstance(timing, Timetable):
        days = [*timing.day_of_month.month_days, *timing.day_of_week.month_days]
        return f"go-falcon does not know {', '.join(map(str, days))}" if days else ""
    if isinstance(timing, Every) and timing.begin is None:
        return ""
    return f"go-falcon does not know '{timing}'"


def _plain(clause: Clause) -> str | None:
    """Six fields in numbers, with the values that `H` draws written out."""
    timing = clause.timing
    if not isinstance(timing, Timetable):
        return None
    fields = (timing.second, timing.minute, timing.hour, timing.day_of_month, timing.month, timing.day_of_week)
    return " ".join(
        _numbers(kind, field.values) if field.hashed else field.text
        for kind, field in zip(KINDS, fields, strict=True)
    )


def _numbers(kind: Kind, values: int) -> str:
    return ",".join(str(value) for value in range(kind.low, kind.high + 1) if values >> value & 1)


def _is_robfig(text: str) -> bool:
    """Whether robfig/cron reads a text that we read: no 7 for Sunday, no range past a field's end, no `H`."""
    fields = text.split()[-len(KINDS) :]
    if len(fields) < len(KINDS):
        return True
    return all(
        _is_robfig_item(kind, item) for kind, field in zip(KINDS, fields, strict=True) for item in field.split(",")
    )


def _is_robfig_item(kind: Kind, item: str) -> bool:
    span = item.partition("/")[0]
    first, _, last = span.partition("-")
    if not span or first in {"*", "?"}:
        return True
    values = [
        kind.names.get(each.lower(), int(each) if each.lstrip("+").isdigit() else -1)
        for each in (first, last or first)
    ]
    return all(kind.low <= value <= kind.high for value in values) and values[0] <= values[1]
