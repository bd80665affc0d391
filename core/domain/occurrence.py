"""An occurrence: one instant that a task's schedule names while it is in force, and its fate.

Every occurrence has exactly one fate. If a run of it has an execution, the execution is its fate, and nothing
else is stored for it. What has no execution is stored as an entry, and a row of such occurrences with the same reason
is one entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.domain.outcome import (
    DIED_ERROR,
    NEVER_BEGAN_ERROR,
    VANISHED_ERROR,
    ExecutionOutcome,
)
from falcon_scheduler.core.domain.skip import SkipReason


class Fate(StrEnum):
    """What became of an occurrence."""

    RAN = "ran"
    """An execution began for it. Whether it succeeded is the execution's outcome."""
    SKIPPED = "skipped"
    """A rule of the task, or a person, decided that nothing runs."""
    MISSED = "missed"
    """Nothing ran, because of the task's switches or of a part that was away."""
    CAUGHT_UP = "caught_up"
    """It was missed at its time, and an execution made up for it later; the reason says why it was missed."""
    SUPERSEDED = "superseded"
    """A run of it was planned, and the schedule was changed before it began."""
    WAITING = "waiting"
    """Not decided yet: its run waits for a worker or for its turn, or is not known yet."""


class Reason(StrEnum):
    """Why an occurrence did not run at its time. `FATE_OF` names the fate that each leads to."""

    OVERLAP = "overlap"
    """The execution before it was still running, and the task's `overlap` is `skip`."""
    CALENDAR = "calendar"
    """A calendar of the task excludes the day."""
    START_DATE = "start_date"
    """It lies before the task's `start_at`."""
    END_DATE = "end_date"
    """It lies after the task's `end_at`."""
    RUN_LIMIT = "run_limit"
    """The runs that `max_runs` allows have begun, or belong to instants before this one."""
    CANCELLED = "cancelled"
    """A person cancelled its run, or stopped the task, before the run began."""
    IN_PREFECT = "in_prefect"
    """Somebody set its run to Skipped in Prefect."""
    PAUSED = "paused"
    """The task was paused."""
    DISABLED = "disabled"
    """The task was disabled."""
    IMPEDED = "impeded"
    """The task can't run as it is stored."""
    SERVICE_DOWN = "service_down"
    """No facade was at work."""
    STORE_AWAY = "store_away"
    """MongoDB did not answer."""
    ENGINE_AWAY = "engine_away"
    """Prefect, or its database, did not answer."""
    NOT_PLANNED = "not_planned"
    """Prefect answered and planned no run for it."""
    NO_WORKER = "no_worker"
    """No worker was online."""
    QUEUE_FULL = "queue_full"
    """Too many executions waited."""
    TOO_LATE = "too_late"
    """Its run would have begun later than the task's `start_within` or `after_outage` allows."""
    WORKER_DIED = "worker_died"
    """The worker that had taken its run died before the run began."""
    REMOVED = "removed"
    """Its run was removed from Prefect before it began."""
    COULD_NOT_BEGIN = "could_not_begin"
    """Its run ended with an error before the work began; the execution's `error` says which."""
    SCHEDULE_CHANGED = "schedule_changed"
    """The schedule was changed and does not name it any more."""


_SKIPPED = (
    Reason.OVERLAP,
    Reason.CALENDAR,
    Reason.START_DATE,
    Reason.END_DATE,
    Reason.RUN_LIMIT,
    Reason.CANCELLED,
    Reason.IN_PREFECT,
)
FATE_OF: Mapping[Reason, Fate] = {
    reason: Fate.SKIPPED
    if reason in _SKIPPED
    else Fate.SUPERSEDED
    if reason is Reason.SCHEDULE_CHANGED
    else Fate.MISSED
    for reason in Reason
}
"""The fate of an occurrence for which nothing ran, by its reason."""

SWITCHED = frozenset({Reason.PAUSED, Reason.DISABLED})
"""The reasons for which somebody is responsible who switched the task."""

_PUNCTUAL = timedelta(seconds=1)
"""An instant is stored without its fraction of a second."""
_OF_SKIP: Mapping[str, Reason] = {
    SkipReason.STILL_RUNNING: Reason.OVERLAP,
    SkipReason.PAUSED: Reason.PAUSED,
    SkipReason.DISABLED: Reason.DISABLED,
    SkipReason.SCHEDULE_CHANGED: Reason.SCHEDULE_CHANGED,
    SkipReason.IN_PREFECT: Reason.IN_PREFECT,
}
"""`ALREADY_SERVED` is missing: another execution is the fate of that occurrence."""


_BEFORE_THE_BEGIN = (
    (NEVER_BEGAN_ERROR, Reason.WORKER_DIED),
    (DIED_ERROR, Reason.WORKER_DIED),
    (VANISHED_ERROR, Reason.REMOVED),
    ("MongoDB is not available", Reason.STORE_AWAY),
    ("Task '", Reason.COULD_NOT_BEGIN),
    ('Task "', Reason.COULD_NOT_BEGIN),
    ("The document of task ", Reason.COULD_NOT_BEGIN),
)
"""How the errors begin of runs that ended before their work began, in `core.errors` and `core.domain.outcome`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An occurrence with its fate, or a row of `count` occurrences with the same one, from `at` to `until`.

    An occurrence inside of a row that has an execution is not part of the row: the execution is its fate.
    """

    task_id: str
    at: datetime
    """The instant; of a row the first one."""
    until: datetime
    """The last instant of a row; `at` of a single occurrence."""
    fate: Fate
    reason: Reason | None = None
    """Why it did not run at its time; `None` when it did, or when that is not decided."""
    count: int = 1
    execution_id: str = ""
    """The execution that ran for it, or that was skipped; the one that caught up."""
    by: str = ""
    """Who paused, disabled or cancelled; empty when that is not known or nobody did."""
    since: datetime | None = None
    """Since when the reason held: the beginning of the pause, or of the time in which a part was away."""
    began_at: datetime | None = None
    """When the work began."""
    outcome: ExecutionOutcome | None = None
    """How the execution ended."""
    is_made_up: bool = False
    """Whether an execution ran that was requested only when the instant was over."""
    held_by: str = ""
    """Of an execution that was skipped because another one was still running: that other one, if it is known."""
    text: str = ""
    """A sentence with more detail."""

    @classmethod
    def without_run(
        cls,
        task_id: str,
        at: datetime,
        reason: Reason,
        *,
        until: datetime | None = None,
        count: int = 1,
        by: str = "",
        since: datetime | None = None,
        text: str = "",
    ) -> Occurrence:
        """One for which nothing runs, or a row of them. The fate follows from the reason."""
        return cls(
            task_id=task_id,
            at=at,
            until=until or at,
            fate=FATE_OF[reason],
            reason=reason,
            count=count,
            by=by,
            since=since,
            text=text,
        )

    def caught_up(self, execution_id: str) -> Occurrence:
        """The same, made up for by an execution."""
        return replace(self, fate=Fate.CAUGHT_UP, execution_id=execution_id)


def has_begun(execution: Execution) -> bool:
    """Whether the work began. A run that was cancelled, lost or refused before that has an execution too."""
    if execution.attempts or execution.occurrence or execution.fencing_token:
        return True
    return execution.status is ExecutionStatus.COMPLETED


def fate_of(execution: Execution) -> Occurrence | None:
    """The fate that an execution is for its occurrence.

    `None` for one that serves no occurrence: requested by hand, or skipped because another execution serves it.
    """
    at = execution.instant
    if at is None:
        return None
    fate, reason = _judged(execution)
    if fate is None:
        return None
    return Occurrence(
        task_id=execution.task_id,
        at=at,
        until=at,
        fate=fate,
        reason=reason,
        execution_id=execution.id,
        began_at=execution.started_at if fate is Fate.RAN else None,
        outcome=execution.outcome,
        is_made_up=is_made_up(execution),
        held_by=execution.skip.held_by if execution.skip else "",
        text="" if fate in {Fate.RAN, Fate.WAITING} else execution.error,
    )


def is_made_up(execution: Execution) -> bool:
    """Whether an execution was requested only when its instant was over: it catches up, or fills a gap by request."""
    at, queued_at = execution.scheduled_for, execution.queued_at
    return at is not None and queued_at is not None and queued_at - at > _PUNCTUAL


def reason_of(execution: Execution) -> Reason | None:
    """Why an execution's work never began; `None` if it did, or may still."""
    return _judged(execution)[1]


def _judged(execution: Execution) -> tuple[Fate | None, Reason | None]:
    if execution.skip is not None:
        if execution.skip.reason is SkipReason.ALREADY_SERVED:
            return None, None
        return _with_fate(_OF_SKIP.get(execution.skip.reason) or _same_name(execution.skip.reason))
    if not execution.status.is_terminal:
        return (Fate.RAN if execution.status is ExecutionStatus.RUNNING else Fate.WAITING), None
    if has_begun(execution):
        return Fate.RAN, None
    if execution.is_cancelled:
        waited = execution.started_at in {execution.scheduled_for, execution.queued_at, execution.completed_at}
        return _with_fate(Reason.CANCELLED) if waited else (Fate.RAN, None)
    reason = next((each for start, each in _BEFORE_THE_BEGIN if execution.error.startswith(start)), None)
    return (Fate.RAN, None) if reason is None else _with_fate(reason)


def _with_fate(reason: Reason) -> tuple[Fate, Reason]:
    return FATE_OF[reason], reason


def _same_name(skip: SkipReason) -> Reason:
    """A reason of a skip that is named here as there (`calendar`, `too_late`); for others the text says which."""
    return next((reason for reason in Reason if str(reason) == str(skip)), Reason.IN_PREFECT)


def is_second(finding: Occurrence, execution_id: str, *, made_up: bool) -> bool:
    """Whether a finding says no more than that this execution, of the same occurrence, was at work already.

    The engine may plan an occurrence twice when a deployment is sent twice. Of two runs at once one begins, and the
    other is skipped because of it, so the occurrence was not missed. Until the holder is known it may be so. Where
    the execution was requested only because the occurrence was missed (`made_up`), it was missed.
    """
    return not made_up and finding.reason is Reason.OVERLAP and finding.held_by in {"", execution_id}


def preferred(one: Occurrence, other: Occurrence) -> Occurrence:
    """Which of two findings about the same occurrence is its fate.

    A run that began decides, then one that may still begin, then what made up for it, then a run that never began,
    then what was stored without a run. Equal ones: the execution whose id is smaller.
    """
    return min(one, other, key=lambda each: (_RANK[each.fate], not each.execution_id, each.execution_id))


_RANK = {
    Fate.RAN: 0,
    Fate.WAITING: 1,
    Fate.CAUGHT_UP: 2,
    Fate.SUPERSEDED: 3,
    Fate.SKIPPED: 4,
    Fate.MISSED: 5,
}
