"""Every message between the worker, the preloaded process and the processes that are forked from it.

Another kind of forked process adds its messages here. `message_format` says how they are written and read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from falcon_scheduler.flows.interprocess.message_format import Reader

SHOWN_AFTER_SECONDS = 1.0
"""Age at which a run is set Running in Prefect: most are over by then."""

# From the worker to the preloaded process.


@dataclass(frozen=True, slots=True)
class ForkRun:
    """Fork the process of a run. One end of its channel comes with the message, as a descriptor."""

    kind: ClassVar[str] = "fork_run"
    number: int  # the answer repeats it


@dataclass(frozen=True, slots=True)
class ForkLane:
    """Fork a lane, which performs many runs. One end of its channel comes with the message, as a descriptor."""

    kind: ClassVar[str] = "fork_lane"
    number: int  # the answer repeats it


@dataclass(frozen=True, slots=True)
class RunClaimed:
    """A run in this process is ours. If the worker dies, the preloaded process reports its end to Prefect."""

    kind: ClassVar[str] = "run_claimed"
    pid: int
    flow_run_id: str


@dataclass(frozen=True, slots=True)
class RunSettled:
    """A run in this process has its end in Prefect, while the process goes on."""

    kind: ClassVar[str] = "run_settled"
    pid: int
    flow_run_id: str


@dataclass(frozen=True, slots=True)
class SendSignal:
    """Send a signal to a forked process; `SIGKILL` goes to its whole group."""

    kind: ClassVar[str] = "send_signal"
    pid: int
    signal: int


@dataclass(frozen=True, slots=True)
class Retire:
    """Fork nothing more, and exit after the last forked process."""

    kind: ClassVar[str] = "retire"


# From the preloaded process to the worker.


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything is imported; forks are possible from now on."""

    kind: ClassVar[str] = "ready"
    pid: int


@dataclass(frozen=True, slots=True)
class Forked:
    """The answer to a request to fork."""

    kind: ClassVar[str] = "forked"
    number: int
    pid: int


@dataclass(frozen=True, slots=True)
class OutOfDate:
    """A loaded file has changed on disk: nothing is forked any more."""

    kind: ClassVar[str] = "out_of_date"
    number: int | None  # of the refused request, if there is one


@dataclass(frozen=True, slots=True)
class Exited:
    """A forked process is gone, and so is its group."""

    kind: ClassVar[str] = "exited"
    pid: int
    status: int  # as `os.waitpid` gives it
    left_over: bool  # whether a process of its group could not be killed in time


# From the worker to the process of a run.


@dataclass(frozen=True, slots=True)
class Work:
    """What to run and under which conditions. Nothing of it is executed before `Start`."""

    kind: ClassVar[str] = "work"
    flow_run: dict[str, Any]  # Prefect's `FlowRun`
    entrypoint: str | None
    """Dotted path of the flow, or `None` when Prefect has to find the flow by its deployment."""
    result_storage_id: str | None
    environment: dict[str, Any]
    command: str | None  # a program to run in the flow's place
    working_dir: str
    memory_limit_mb: int
    stream_output: bool
    is_shown_late: bool = False
    """Whether Prefect need not show it as Running before it has lasted."""


@dataclass(frozen=True, slots=True)
class Start:
    """The run is claimed: begin."""

    kind: ClassVar[str] = "start"
    state: dict[str, Any]  # Prefect's `State`, as the server accepted it


@dataclass(frozen=True, slots=True)
class Drop:
    """The run is not ours: exit without a trace."""

    kind: ClassVar[str] = "drop"


@dataclass(frozen=True, slots=True)
class Suspend:
    """Stop at the next step: Prefect has set the run Suspended."""

    kind: ClassVar[str] = "suspend"


@dataclass(frozen=True, slots=True)
class End:
    """End now. What does not end within its grace is killed."""

    kind: ClassVar[str] = "end"
    reason: Literal["cancelled", "shutdown"]


# From the process of a run to the worker.


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log record for Prefect."""

    kind: ClassVar[str] = "log_record"
    log: dict[str, Any]  # in the form of Prefect's API


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last message of a run. A process that exits without it died."""

    kind: ClassVar[str] = "run_ended"
    settled: bool  # whether Prefect has a state that needs nothing more from the worker
    error: str | None


# From the worker to a lane, a process that performs many runs.


@dataclass(frozen=True, slots=True)
class Perform:
    """Perform a run, which is claimed, or which MongoDB lets one performer begin."""

    kind: ClassVar[str] = "perform"
    flow_run: dict[str, Any]  # Prefect's `FlowRun`
    flow: str  # its name
    performer: str = ""
    """Names this performance of a run that is not claimed."""


@dataclass(frozen=True, slots=True)
class AskShared:
    """Which of these deployments' tasks may be performed in this lane? The answer repeats the number."""

    kind: ClassVar[str] = "ask_shared"
    number: int
    deployment_ids: list[str]


@dataclass(frozen=True, slots=True)
class Interrupt:
    """End one run of the lane now. If it does not end within its grace, the lane is killed."""

    kind: ClassVar[str] = "interrupt"
    flow_run_id: str
    reason: Literal["cancelled", "shutdown"]


@dataclass(frozen=True, slots=True)
class ClaimAnswer:
    """The answer to `AskClaim`."""

    kind: ClassVar[str] = "claim_answer"
    flow_run_id: str
    is_won: bool


# From a lane to the worker, besides `LogRecord`.


@dataclass(frozen=True, slots=True)
class Shared:
    """The answer to `AskShared`: of which deployments it performs the runs."""

    kind: ClassVar[str] = "shared"
    number: int
    deployment_ids: list[str]


@dataclass(frozen=True, slots=True)
class LaneAlive:
    """The loop of the lane goes round. Sent every second."""

    kind: ClassVar[str] = "lane_alive"
    memory_mb: int  # resident


@dataclass(frozen=True, slots=True)
class AskClaim:
    """MongoDB is away and can't decide who performs this run: claim it in Prefect."""

    kind: ClassVar[str] = "ask_claim"
    flow_run_id: str


@dataclass(frozen=True, slots=True)
class RunBegan:
    """The work of a run in a lane begins now: it has been read, and it is its task's turn."""

    kind: ClassVar[str] = "run_began"
    flow_run_id: str


@dataclass(frozen=True, slots=True)
class RunRetries:
    """An attempt failed and another follows: show it in Prefect."""

    kind: ClassVar[str] = "run_retries"
    flow_run_id: str
    message: str


@dataclass(frozen=True, slots=True)
class WorkOver:
    """The work of a run that was interrupted in a lane is over; its end has to be written still."""

    kind: ClassVar[str] = "work_over"
    flow_run_id: str


@dataclass(frozen=True, slots=True)
class RunPerformed:
    """The last message of a run in a lane."""

    kind: ClassVar[str] = "run_performed"
    flow_run_id: str
    state: dict[str, Any] | None  # Prefect's `State` that the run is to get, unless it was interrupted
    error: str | None  # why there is no state
    is_left: bool = False
    """Whether it did not begin and is left as it is in Prefect."""


ToForkserver = ForkRun | ForkLane | RunClaimed | RunSettled | SendSignal | Retire
ToWorker = Ready | Forked | OutOfDate | Exited
ToRun = Work | Start | Drop | Suspend | End
FromRun = LogRecord | RunEnded
ToLane = Perform | AskShared | ClaimAnswer | Interrupt
FromLane = LogRecord | LaneAlive | Shared | AskClaim | RunBegan | RunRetries | WorkOver | RunPerformed

READ_BY_FORKSERVER: Reader[ToForkserver] = Reader(ForkRun, ForkLane, RunClaimed, RunSettled, SendSignal, Retire)
READ_BY_WORKER: Reader[ToWorker] = Reader(Ready, Forked, OutOfDate, Exited)
READ_BY_RUN: Reader[ToRun] = Reader(Work, Start, Drop, Suspend, End)
READ_FROM_RUN: Reader[FromRun] = Reader(LogRecord, RunEnded)
READ_BY_LANE: Reader[ToLane] = Reader(Perform, AskShared, ClaimAnswer, Interrupt)
READ_FROM_LANE: Reader[FromLane] = Reader(
    LogRecord, LaneAlive, Shared, AskClaim, RunBegan, RunRetries, WorkOver, RunPerformed
)
