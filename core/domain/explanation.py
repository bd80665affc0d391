"""Why a task ran at an instant, or did not: one cause of a closed list, what is known of it, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Cause(StrEnum):
    """The one cause. Those that are named like a `core.domain.occurrence.Reason` mean the same.

    Each is described in `WHAT_TO_DO` and in docs/ledger.md.
    """

    # The instant is to come, or is none.
    DUE = "due"
    NOT_NAMED = "not_named"
    CLOCK_SKIPPED = "clock_skipped"
    CLOCK_REPEATED = "clock_repeated"
    ENDED = "ended"
    NOT_CREATED = "not_created"
    NOT_KNOWN = "not_known"
    # It ran.
    ON_TIME = "on_time"
    LATE = "late"
    CAUGHT_UP = "caught_up"
    RUNNING = "running"
    RETRYING = "retrying"
    SILENT = "silent"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    LOST = "lost"
    STALE = "stale"
    REPLACED = "replaced"
    WORKER_STOPPED = "worker_stopped"
    CRASHED = "crashed"
    # It waits.
    STARTING = "starting"
    POOL_PAUSED = "pool_paused"
    QUEUE_PAUSED = "queue_paused"
    SLOTS_FULL = "slots_full"
    BEHIND = "behind"
    LOCK_HELD = "lock_held"
    DATABASE_AWAY = "database_away"
    WAITING = "waiting"
    # As the reasons of the ledger.
    OVERLAP = "overlap"
    CALENDAR = "calendar"
    START_DATE = "start_date"
    END_DATE = "end_date"
    RUN_LIMIT = "run_limit"
    CANCELLED = "cancelled"
    IN_PREFECT = "in_prefect"
    PAUSED = "paused"
    DISABLED = "disabled"
    IMPEDED = "impeded"
    SERVICE_DOWN = "service_down"
    STORE_AWAY = "store_away"
    ENGINE_AWAY = "engine_away"
    NOT_PLANNED = "not_planned"
    NO_WORKER = "no_worker"
    QUEUE_FULL = "queue_full"
    TOO_LATE = "too_late"
    WORKER_DIED = "worker_died"
    REMOVED = "removed"
    COULD_NOT_BEGIN = "could_not_begin"
    SCHEDULE_CHANGED = "schedule_changed"


SENTENCES: Mapping[Cause, str] = {
    Cause.DUE: "The schedule names this instant, and the task is on.",
    Cause.NOT_NAMED: "The schedule in force does not name this instant.",
    Cause.CLOCK_SKIPPED: "The clock of the schedule's zone skips this time on that day.",
    Cause.CLOCK_REPEATED: "The clock shows this time twice that day, and a fixed time runs once, the first time.",
    Cause.ENDED: "The schedule names no further instant.",
    Cause.NOT_CREATED: "The task did not exist yet.",
    Cause.NOT_KNOWN: "The history does not reach back so far.",
    Cause.ON_TIME: "It ran on time.",
    Cause.LATE: "It ran late, and no outage, full slot or earlier run explains it.",
    Cause.CAUGHT_UP: "It was missed at its time, and an execution made up for it later.",
    Cause.RUNNING: "Its execution is at work.",
    Cause.RETRYING: "An attempt failed, and its execution waits for the next one.",
    Cause.SILENT: "The process of its execution does not report; it is taken for dead within seconds.",
    Cause.FAILED: "It ran, and the work failed.",
    Cause.TIMED_OUT: "It ran, and an attempt took longer than the task's timeout.",
    Cause.KILLED: "It ran, and its process was killed by a signal.",
    Cause.LOST: "It ran, and its process stopped reporting: it died, was frozen, or its machine was lost.",
    Cause.STALE: "It ran for longer than its timeouts allow, and was ended.",
    Cause.REPLACED: "It ran, and another execution of the task took its place.",
    Cause.WORKER_STOPPED: "It ran, and its worker was stopped before the work was done.",
    Cause.CRASHED: "It ran, and crashed.",
    Cause.STARTING: "It is due and about to begin.",
    Cause.POOL_PAUSED: "The work pool is paused in Prefect.",
    Cause.QUEUE_PAUSED: "The work queue of its priority is paused in Prefect.",
    Cause.SLOTS_FULL: "Every slot of the workers was in use.",
    Cause.BEHIND: "The executions of the task run one at a time, and an earlier one goes first.",
    Cause.LOCK_HELD: "Somebody who is no execution of the task holds its lock.",
    Cause.DATABASE_AWAY: "The database of Prefect does not answer.",
    Cause.WAITING: "Its run waits in Prefect, and nothing that is known holds it back.",
    Cause.OVERLAP: "The execution before it was still running.",
    Cause.CALENDAR: "A calendar of the task excludes the day.",
    Cause.START_DATE: "It lies before the task's `start_at`.",
    Cause.END_DATE: "It lies after the task's `end_at`.",
    Cause.RUN_LIMIT: "The runs that `max_runs` allows have begun, or belong to instants before this one.",
    Cause.CANCELLED: "Its execution was cancelled.",
    Cause.IN_PREFECT: "Somebody set its run to Skipped in Prefect.",
    Cause.PAUSED: "The task was paused.",
    Cause.DISABLED: "The task was disabled.",
    Cause.IMPEDED: "The task can't run as it is stored.",
    Cause.SERVICE_DOWN: "No facade was at work.",
    Cause.STORE_AWAY: "MongoDB did not answer.",
    Cause.ENGINE_AWAY: "Prefect did not answer.",
    Cause.NOT_PLANNED: "Prefect planned no run for it.",
    Cause.NO_WORKER: "No worker was online.",
    Cause.QUEUE_FULL: "A request to run the task was refused: too many executions waited.",
    Cause.TOO_LATE: "It would have begun later than the task's `start_within` or `after_outage` allows.",
    Cause.WORKER_DIED: "The process or worker that had taken its run died before the work began.",
    Cause.REMOVED: "Its run was removed from Prefect before it began.",
    Cause.COULD_NOT_BEGIN: "Its run ended with an error before the work began.",
    Cause.SCHEDULE_CHANGED: "The schedule was changed and does not name it any more.",
}
"""What each cause means, as a sentence."""

NOTHING = "Nothing."
WHAT_TO_DO: Mapping[Cause, str] = {
    Cause.DUE: NOTHING,
    Cause.NOT_NAMED: "Check the schedule and its zone with POST /schedules/preview.",
    Cause.CLOCK_SKIPPED: "Choose a time that the clock shows every day, or the zone UTC.",
    Cause.CLOCK_REPEATED: "Nothing, or write a recurring schedule such as */30 if both are meant.",
    Cause.ENDED: "Give the task another schedule if it is to run again.",
    Cause.NOT_CREATED: NOTHING,
    Cause.NOT_KNOWN: "Raise SCHEDULER_RETENTION to keep the history for longer.",
    Cause.ON_TIME: NOTHING,
    Cause.LATE: "Compare the parts of the lateness: planner, queue and start.",
    Cause.CAUGHT_UP: NOTHING,
    Cause.RUNNING: NOTHING,
    Cause.RETRYING: "Read the error of the last attempt.",
    Cause.SILENT: "Look at the worker's machine.",
    Cause.FAILED: "Read the error and the log of the execution.",
    Cause.TIMED_OUT: "Make the work faster, or raise the task's timeout.",
    Cause.KILLED: "Look for a lack of memory on the worker's machine, or for who sent the signal.",
    Cause.LOST: "Look at the worker's machine: was it suspended, restarted, or out of memory?",
    Cause.STALE: "Look for what the work waits for.",
    Cause.REPLACED: "Nothing, or change the task's overlap if each run is to end by itself.",
    Cause.WORKER_STOPPED: "Stop workers while little runs, or allow them a longer grace.",
    Cause.CRASHED: "Read the error and the log of the execution.",
    Cause.STARTING: NOTHING,
    Cause.POOL_PAUSED: "Resume the work pool in Prefect.",
    Cause.QUEUE_PAUSED: "Resume the work queue in Prefect.",
    Cause.SLOTS_FULL: "Start another worker, raise its limit, or spread the schedules.",
    Cause.BEHIND: "Nothing, or make the work faster, or let the task run less often.",
    Cause.LOCK_HELD: "Find out who holds the lock; it expires by itself.",
    Cause.DATABASE_AWAY: "Start Prefect's database.",
    Cause.WAITING: "Look at the run and its work queue in Prefect.",
    Cause.OVERLAP: "Nothing, or let the task run less often, or set its overlap to queue.",
    Cause.CALENDAR: "Nothing, or change the calendar.",
    Cause.START_DATE: "Nothing, or change start_at.",
    Cause.END_DATE: "Nothing, or change end_at.",
    Cause.RUN_LIMIT: "Nothing, or raise max_runs.",
    Cause.CANCELLED: "Run the task by hand if the work is still wanted.",
    Cause.IN_PREFECT: "Run the task by hand if the work is still wanted.",
    Cause.PAUSED: "Resume the task if it is to run.",
    Cause.DISABLED: "Enable the task if it is to run.",
    Cause.IMPEDED: "Repair the field that the facts name.",
    Cause.SERVICE_DOWN: "Keep two facades at work.",
    Cause.STORE_AWAY: "Find out why MongoDB did not answer.",
    Cause.ENGINE_AWAY: "Find out why Prefect did not answer.",
    Cause.NOT_PLANNED: "Look for alerts of that time, and at Prefect's scheduler service.",
    Cause.NO_WORKER: "Start a worker: falcon-scheduler worker.",
    Cause.QUEUE_FULL: "Start another worker, or raise SCHEDULER_QUEUE_SIZE.",
    Cause.TOO_LATE: "Find out why runs began late, or raise start_within.",
    Cause.WORKER_DIED: "Look at the worker's machine.",
    Cause.REMOVED: "Do not delete runs in Prefect.",
    Cause.COULD_NOT_BEGIN: "Read the error of the execution.",
    Cause.SCHEDULE_CHANGED: NOTHING,
}
"""What a person can do about each cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that is known. `name` is stable, such as `lock_holder`; the value is a text, instants in RFC 3339."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer to why a task ran, or did not, at an instant."""

    task_id: str
    at: datetime | None
    """The instant; `None` for an execution that was requested by hand, and for a schedule without any."""
    cause: Cause
    facts: tuple[Fact, ...] = ()
    execution_id: str = ""
    next_run: datetime | None = None

    @property
    def sentence(self) -> str:
        """The cause in words."""
        return SENTENCES[self.cause]

    @property
    def what_to_do(self) -> str:
        """What a person can do about it."""
        return WHAT_TO_DO[self.cause]
