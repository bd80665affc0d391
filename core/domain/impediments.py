"""Why a task can't run as it is stored, and which stored fields a change of the task replaces.

A document may come from another scheduler, an older version or a manual edit. Its task is kept and shown. It fires
again as soon as a change replaces the fields named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from falcon_scheduler.core.domain.schedule import ScheduleError, parse

DECISIVE = {
    "type": "the type of the task",
    "schedule": "a schedule of six fields, as text",
    "config": "an object",
    "metadata": "an object",
    "metadata.max_retries": "a whole number",
    "metadata.retry_interval": "a duration such as 1m",
    "metadata.timeout": "a duration such as 5m",
    "metadata.timezone": "the name of an IANA time zone",
    "metadata.overlap": "skip, queue or cancel_running",
    "metadata.start_at": "an instant",
    "metadata.end_at": "an instant",
    "metadata.max_runs": "a whole number",
    "metadata.jitter": "a duration such as 30s",
    "metadata.calendars": "an object",
    "metadata.catch_up": "an object",
    "metadata.start_within": "a duration such as 5m",
}
"""Fields without which a task can't run, and what each must hold: they define what runs, when and how."""


def impediments_of(schedule: str, timezone: str, unread: Mapping[str, Any]) -> Iterator[str]:
    """Each reason why the task does not fire, as a sentence that names the field and the remedy."""
    for field, wanted in DECISIVE.items():
        if field in unread and (field != "config" or not isinstance(unread[field], Mapping)):
            yield f"{field}: holds no value that can be read; set it to {wanted}"
    if "schedule" not in unread and (fault := _schedule_fault(schedule, timezone)):
        yield f"schedule: {fault}"


@lru_cache(maxsize=20_000)
def _schedule_fault(schedule: str, timezone: str) -> str:
    """The error in a schedule; empty when there is none. Cached, because every read of a task calls it."""
    try:
        parse(schedule, timezone)
    except ScheduleError as error:
        return str(error)
    return ""
