"""Every message between the worker, the preloaded process and the processes that are forked from it.

A message is one JSON object: protocol version, kind, fields. Reading is strict: a missing or unknown field and a
wrong type are errors that name it. After an upgrade in place a preloaded process may be newer than its worker; the
version makes that an error of its own. Another kind of forked process adds its messages here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

PROTOCOL_VERSION = 2
"""Raised with every change of a message."""


class DamagedMessage(ValueError):
    """The message is not one that the receiver reads."""


class ProtocolMismatch(Exception):
    """The other process was started from another version of this package."""

    def __init__(self, theirs: object) -> None:
        super().__init__(
            f"the other process sends version {theirs} of the worker's messages, this one reads {PROTOCOL_VERSION}: "
            "the package was upgraded while the worker ran, restart the worker"
        )


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
    """Perform a run, which is claimed."""

    kind: ClassVar[str] = "perform"
    flow_run: dict[str, Any]  # Prefect's `FlowRun`


@dataclass(frozen=True, slots=True)
class Interrupt:
    """End one run of the lane now. If it does not end within its grace, the lane is killed."""

    kind: ClassVar[str] = "interrupt"
    flow_run_id: str
    reason: Literal["cancelled", "shutdown"]


# From a lane to the worker, besides `LogRecord`.


@dataclass(frozen=True, slots=True)
class LaneAlive:
    """The loop of the lane goes round. Sent every second."""

    kind: ClassVar[str] = "lane_alive"
    memory_mb: int  # resident


@dataclass(frozen=True, slots=True)
class RunRetries:
    """An attempt failed and another follows: show it in Prefect."""

    kind: ClassVar[str] = "run_retries"
    flow_run_id: str
    message: str


@dataclass(frozen=True, slots=True)
class RunPerformed:
    """The last message of a run in a lane."""

    kind: ClassVar[str] = "run_performed"
    flow_run_id: str
    state: dict[str, Any] | None  # Prefect's `State` that the run is to get, unless it was interrupted
    error: str | None  # why there is no state


class Message(Protocol):
    kind: ClassVar[str]


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """A message as one line of JSON, without the line's end."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}  # type: ignore[arg-type]
    return json.dumps({"version": PROTOCOL_VERSION, "kind": message.kind, **values}, default=str).encode()


class Reader(Generic[M]):
    """Reads the messages that one process receives from another."""

    def __init__(self, *types: type[M]) -> None:
        self._types: dict[object, type[M]] = {each.kind: each for each in types}

    def decode(self, data: bytes) -> M:
        """The message.

        Raises:
            ProtocolMismatch: the sender has another version of the messages.
            DamagedMessage: it is no message that is received here.
        """
        try:
            document = json.loads(data)
        except ValueError as error:
            raise DamagedMessage(f"not JSON: {error}") from error
        if not isinstance(document, dict):
            raise DamagedMessage("not a JSON object")
        if (version := document.pop("version", None)) != PROTOCOL_VERSION:
            raise ProtocolMismatch(version)
        kind = document.pop("kind", None)
        if not isinstance(kind, str) or kind not in self._types:
            raise DamagedMessage(f"unexpected kind {kind!r}")
        return self._build(kind, document)

    def _build(self, kind: str, values: dict[str, Any]) -> M:
        wanted = self._types[kind]
        hints = _field_types(wanted)
        if wrong := hints.keys() ^ values.keys():
            raise DamagedMessage(f"{kind}: missing or unknown: {', '.join(sorted(wrong))}")
        for name, value in values.items():
            if not _fits(value, hints[name]):
                raise DamagedMessage(f"{kind}: {name} is of the wrong type: {type(value).__name__}")
        return wanted(**values)


@cache
def _field_types(message_type: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(message_type)
    return {field.name: hints[field.name] for field in fields(message_type)}


def _fits(value: object, hint: Any) -> bool:
    """Whether a value read from JSON is of the type that a field declares."""
    if get_origin(hint) is UnionType:
        return any(_fits(value, each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    return type(value) is (get_origin(hint) or hint or NoneType)


ToForkserver = ForkRun | ForkLane | RunClaimed | RunSettled | SendSignal | Retire
ToWorker = Ready | Forked | OutOfDate | Exited
ToRun = Work | Start | Drop | Suspend | End
FromRun = LogRecord | RunEnded
ToLane = Perform | Interrupt
FromLane = LogRecord | LaneAlive | RunRetries | RunPerformed

READ_BY_FORKSERVER: Reader[ToForkserver] = Reader(ForkRun, ForkLane, RunClaimed, RunSettled, SendSignal, Retire)
READ_BY_WORKER: Reader[ToWorker] = Reader(Ready, Forked, OutOfDate, Exited)
READ_BY_RUN: Reader[ToRun] = Reader(Work, Start, Drop, Suspend, End)
READ_FROM_RUN: Reader[FromRun] = Reader(LogRecord, RunEnded)
READ_BY_LANE: Reader[ToLane] = Reader(Perform, Interrupt)
READ_FROM_LANE: Reader[FromLane] = Reader(LogRecord, LaneAlive, RunRetries, RunPerformed)
