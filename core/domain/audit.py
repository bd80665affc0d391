"""What the audit stores of a change: who, what, when, through which door, and the fields before and after.

No secret is stored: the difference is taken on the real values and then cleaned. Everything that a config sends to
others (headers, bodies, credentials) is concealed, even when it does not look like a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from falcon_scheduler.core.domain.calendars import CalendarVersion
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.plain_secrets import secrets_in
from falcon_scheduler.core.domain.redaction import CONCEALED, Redactor, is_secret_name, shut
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition

LONGEST_TEXT = 500
"""Characters of one text that the audit keeps."""
LARGEST_FIELD = 4096
"""Characters of one field (such as a config) as JSON; of a larger one only the name is kept."""
TOO_LARGE = "[too large to be kept here]"

_SENT_TO_OTHERS = frozenset({"headers", "query", "body", "auth", "proxy_auth", "cookies", "client_certificate"})
_ADDRESS_QUERY = re.compile(r"(://[^\s?]{1,2000})\?\S+")
_SHOWN_BY_NAME = frozenset({"headers", "query"})
_DISTINCTIVE_LENGTH = 12
"""Shorter texts (`true`, `normal`) are everyday words that appear elsewhere by chance."""


class Action(StrEnum):
    """What is done."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    PAUSE = "pause"
    RESUME = "resume"
    ENABLE = "enable"
    DISABLE = "disable"
    EXECUTE = "execute"
    REPEAT = "repeat"
    """An execution is requested with the parameters and the priority of an earlier one."""
    BACKFILL = "backfill"
    """Runs for instants of the past are requested, or those not started yet are given up."""
    STOP = "stop"
    CANCEL = "cancel"
    """One execution is cancelled; the task is not paused."""
    RELOAD = "reload"
    TAKE_BACK = "take_back"
    """A value that was set in Prefect, and that a task can't hold, is set back to the task's value."""
    RETIRE = "retire"
    """A system task that this service does not define is disabled."""
    TAKE_OVER = "take_over"
    """A database that another scheduler wrote is taken over by this service."""
    GIVE_BACK = "give_back"
    """The database is rewritten for the other scheduler."""
    CALENDAR_CREATE = "calendar_create"
    CALENDAR_UPDATE = "calendar_update"
    """A calendar gets its next version. Each task that uses it takes it over, with an entry `update` of its own."""
    CALENDAR_DELETE = "calendar_delete"


class Door(StrEnum):
    """Where a change was made."""

    API = "api"
    """A request about this task alone."""
    BULK = "bulk"
    IMPORT = "import"
    PREFECT = "prefect"
    """Prefect's UI, API or command line; the user is not known here."""


class ChangeOutcome(StrEnum):
    """The result of a change."""

    INTENDED = "intended"
    """Begun. It stays so when the process dies, or MongoDB goes away, before the outcome is written."""
    APPLIED = "applied"
    REFUSED = "refused"
    """Nothing was changed; `error` names the reason."""
    FAILED = "failed"
    """An error interrupted it, so it may be done in part; `error` names the error."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from. `request_id` is empty outside of requests."""

    request_id: str = ""
    door: Door = Door.API


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change. `before` and `after` hold the fields that differ, and are plain JSON without secrets."""

    id: str
    at: datetime
    user_id: str
    character_id: int
    action: Action
    task_id: str | None
    origin: Origin
    outcome: ChangeOutcome = ChangeOutcome.INTENDED
    error: str = ""
    """Code of the error that interrupted it; empty without one."""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None


def picture_of(task: Task) -> dict[str, Any]:
    """Every field of a task that a user can change, as plain JSON."""
    return definition_picture(task.definition) | {"paused": task.paused}


def definition_picture(definition: TaskDefinition) -> dict[str, Any]:
    """A definition as plain JSON."""
    given = {each.name: getattr(definition, each.name) for each in fields(TaskDefinition)}
    return plain({name: value for name, value in given.items() if value is not None})


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a definition as plain JSON."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, CalendarVersion):
        return str(value)
    if is_dataclass(value):
        given = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: _plain(each) for name, each in given.items() if each is not None}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, in nested objects too; a name on one side only was added or removed."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name in dict.fromkeys([*before, *after]):
        if name in before and name in after and before[name] == after[name]:
            continue
        was, is_now = before.get(name), after.get(name)
        if isinstance(was, Mapping) and isinstance(is_now, Mapping):
            was, is_now = difference(was, is_now)
        if name in before:
            old[name] = was
        if name in after:
            new[name] = is_now
    return old, new


def cleaned_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, without secrets and short enough to store.

    A text that is a secret in one place is concealed in every place, on both sides.
    """
    redactor = Redactor([*secrets_in(before), *secrets_in(after), *_sent(before), *_sent(after)])
    old, new = difference(before, after)
    return _cleaned(old, redactor), _cleaned(new, redactor)


def _cleaned(picture: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    kept = {name: _brief(redactor.value(_closed(name, value))) for name, value in picture.items()}
    return {
        name: value if len(json.dumps(value, default=str)) <= LARGEST_FIELD else TOO_LARGE
        for name, value in kept.items()
    }


def _closed(name: str, value: Any) -> Any:
    """The value with everything that is sent to others concealed. The names of headers stay."""
    if value is None:
        return None
    if name in _SENT_TO_OTHERS:
        return dict.fromkeys(value, CONCEALED) if isinstance(value, Mapping) and name in _SHOWN_BY_NAME else CONCEALED
    if is_secret_name(name):
        return shut(value)
    if isinstance(value, Mapping):
        return {inner: _closed(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_closed("", each) for each in value]
    return _ADDRESS_QUERY.sub(rf"\1?{CONCEALED}", value) if isinstance(value, str) else value


def _sent(value: Any, *, is_sent: bool = False) -> Iterator[str]:
    """Long texts of what is sent to others: the same texts may appear in other fields too."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _sent(each, is_sent=is_sent or name in _SENT_TO_OTHERS)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _sent(each, is_sent=is_sent)
    elif is_sent and isinstance(value, str) and len(value) >= _DISTINCTIVE_LENGTH:
        yield value


def _brief(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else value[: LONGEST_TEXT - 1] + "…"
    if isinstance(value, Mapping):
        return {name: _brief(each) for name, each in value.items()}
    return [_brief(each) for each in value] if isinstance(value, list) else value
