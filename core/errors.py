"""Everything that can go wrong, as one tree.

    SchedulerError
    ├── Invalid             the request is wrong; carries every fault found, each with its field
    ├── NotFound            TaskNotFound, ExecutionNotFound, CalendarNotFound
    ├── Conflict            NameTaken, TaskDisabled, ExecutionEnded, ConcurrentChange, ImportedTask, KeyReused,
    │                       CalendarExists, CalendarInUse, CalendarChanged, TooManyCalendars
    ├── Forbidden           SystemTaskProtected, PermissionMissing
    ├── Unauthenticated
    ├── QueueFull
    ├── DeliveryFailed      a channel did not take an alert
    ├── EngineRefused       Prefect understood the request and refused it
    ├── UnreadableDocument  what is stored of a task or an execution can't be read
    └── Unavailable         a part that we need is away; EngineFault: Prefect answers, and failed at this

No HTTP status is named here: `api_facade/problems.py` maps the families. Messages are written once, from ids, and
never hold an address, a token or a header value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where (`location`, dotted from the body's root) and what (`message`)."""

    location: str
    message: str


class SchedulerError(Exception):
    """Root of the tree. `code` is stable and documented; `str()` is fit for a client."""

    code: ClassVar[str] = "error"


class Invalid(SchedulerError):
    """The input is wrong. `faults` lists all that is, never just the first."""

    code = "invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.location}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)

    @classmethod
    def of(cls, location: str, message: str) -> Invalid:
        """One fault."""
        return cls([Fault(location, message)])


class NotFound(SchedulerError):
    """The requested object does not exist."""

    code = "not_found"


class TaskNotFound(NotFound):
    """No task has this id."""

    code = "task_not_found"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Task {task_id!r} was not found")
        self.task_id = task_id


class ExecutionNotFound(NotFound):
    """No execution has this id (or not of this task)."""

    code = "execution_not_found"

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"Execution {execution_id!r} was not found")
        self.execution_id = execution_id


class CalendarNotFound(NotFound):
    """No calendar has this name."""

    code = "calendar_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(f"Calendar {name!r} was not found")


class Conflict(SchedulerError):
    """The request is well formed but contradicts the present state."""

    code = "conflict"


class NameTaken(Conflict):
    """Task names are unique."""

    code = "name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(f"A task named {name!r} exists already")
        self.name = name


class CalendarExists(Conflict):
    """Names of calendars are unique."""

    code = "calendar_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"A calendar named {name!r} exists already")


class CalendarInUse(Conflict):
    """A calendar that tasks use can't be deleted."""

    code = "calendar_in_use"

    def __init__(self, name: str, shown: Sequence[str], count: int) -> None:
        named = ", ".join(map(repr, shown))
        others = f" and {count - len(shown)} others" if count > len(shown) else ""
        super().__init__(f"Calendar {name!r} is used by {named}{others}")


class CalendarChanged(Conflict):
    """Somebody else changed the calendar at the same time; the caller may try again."""

    code = "concurrent_change"

    def __init__(self, name: str) -> None:
        super().__init__(f"Calendar {name!r} is being changed by others; try again")


class TooManyCalendars(Conflict):
    """The number of calendars is bounded."""

    code = "too_many_calendars"

    def __init__(self, most: int) -> None:
        super().__init__(f"There are {most} calendars, which is as many as are allowed; delete one first")


class TaskDisabled(Conflict):
    """A disabled task is never run, not even by hand."""

    code = "task_disabled"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Task {task_id!r} is disabled; enable it first")
        self.task_id = task_id


class ExecutionEnded(Conflict):
    """An execution that has ended can't be cancelled."""

    code = "execution_ended"

    def __init__(self, execution_id: str, outcome: str) -> None:
        super().__init__(f"Execution {execution_id!r} has ended already; its outcome is {outcome}")
        self.execution_id = execution_id


class ConcurrentChange(Conflict):
    """Others kept changing the same document; the caller may try again."""

    code = "concurrent_change"

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Task {task_id!r} is being changed by others; try again")
        self.task_id = task_id


class KeyReused(Conflict):
    """An idempotency key names one request; this is another one."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request; use a new key, or send the same body")


class Forbidden(SchedulerError):
    """The caller is known and may not do this."""

    code = "forbidden"


class SystemTaskProtected(Forbidden):
    """System tasks are defined in code; the API neither changes nor deletes them."""

    code = "system_task_protected"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"Task {task_id!r} is a system task: it can be run, paused and disabled, not changed or deleted"
        )
        self.task_id = task_id


class ImportedTask(Conflict):
    """The task represents a deployment that a user made in Prefect; it is changed and removed there."""

    code = "imported_task"

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"Task {task_id!r} was taken in from Prefect: change or remove its deployment, or its tag, there"
        )
        self.task_id = task_id


class PermissionMissing(Forbidden):
    """The caller lacks the named permission."""

    code = "permission_missing"

    def __init__(self, permission: str) -> None:
        super().__init__(f"Permission denied: {permission} or super_admin is required")


class Unauthenticated(SchedulerError):
    """The caller is unknown: no token, or one that does not verify. The message never gives the reason."""

    code = "unauthenticated"

    def __init__(self, message: str = "Authentication required") -> None:
        super().__init__(message)


class QueueFull(SchedulerError):
    """As many runs wait as the queue holds."""

    code = "queue_full"

    def __init__(self, size: int, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(f"{size} runs are waiting already; try again later")
        self.retry_after = retry_after


class DeliveryFailed(SchedulerError):
    """A channel did not take an alert; `final` means that it never will."""

    code = "delivery_failed"

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class EngineRefused(SchedulerError):
    """The engine understood the request and refused it: its rules are stricter than ours, or its version differs.

    `reason` is its own explanation without addresses; it may be empty.
    """

    code = "engine_refused"

    def __init__(self, status_code: int, reason: str = "") -> None:
        super().__init__(f"Prefect refused this with status {status_code}" + (f": {reason}" if reason else ""))
        self.status_code = status_code
        self.reason = reason


class UnreadableDocument(SchedulerError):
    """The stored document of a task or an execution has neither our form nor that of the Go service."""

    code = "unreadable"

    def __init__(self, kind: str, document_id: str, reason: str) -> None:
        super().__init__(f"The document of {kind} {document_id!r} can't be read ({reason}); repair it in MongoDB")


class Unavailable(SchedulerError):
    """A part that we need does not answer: `service` is its plain name (MongoDB, Redis, Prefect)."""

    code = "unavailable"

    def __init__(self, service: str, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__(f"{service} is not available; try again later")
        self.service = service
        self.retry_after = retry_after


class EngineFault(Unavailable):
    """The engine answers but failed at this request: it is overloaded, or can't serialise what it stores."""

    def __init__(self) -> None:
        super().__init__("Prefect")
