"""The process of one run, from the fork to its exit.

It takes the run from its worker, drives Prefect's engine over it, passes logs to the worker, and exits by `os._exit`:
user threads, exit handlers and interpreter teardown cannot hold up the end of a run.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import socket
import traceback
from typing import Any, NoReturn
from uuid import UUID

from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import TerminationSignal

from falcon_scheduler.adapters.settings.names import known_names
from falcon_scheduler.flows import prefect_internals, termination
from falcon_scheduler.flows.child import lean_engine, own_settings, run_client
from falcon_scheduler.flows.child.fresh_process import flush, settle_in
from falcon_scheduler.flows.child.warm_up_run import warm_up
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.channel import RunChannel
from falcon_scheduler.flows.interprocess.message_format import DamagedMessage
from falcon_scheduler.flows.interprocess.messages import End, LogRecord, RunEnded, Start, Suspend, Work

ENDED_AS_ASKED = 0
LOAD_FAILED = 70
"""Exit codes. The worker goes by the message `RunEnded`; these are for people who watch processes."""


def prepare() -> None:
    """Do once, before any fork, what every run would otherwise do again."""
    prefect_internals.setup_logging()
    run_client.prepare()
    known_names()
    warm_up()


def main(descriptor: int) -> NoReturn:
    """Run what comes over this descriptor, and exit. For a freshly forked process."""
    status = 1
    channel = RunChannel(socket.socket(fileno=descriptor))
    try:
        settle_in()
        status = _live(channel)
    except EOFError:
        status = 1
    except SystemExit as request:
        status = request.code if isinstance(request.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - the process ends here; the worker has to know why
        message = f"The run could not be started: {type(error).__name__}: {error}"
        channel.send(RunEnded(settled=False, error=message))
        traceback.print_exc()
    finally:
        flush()
        os._exit(status)


def _live(channel: RunChannel) -> int:
    work = channel.receive()
    if not isinstance(work, Work):
        raise DamagedMessage(f"expected the work, received {work.kind}")
    _apply_conditions(work)
    if work.command:
        _wait_for_start(channel)
        _become_command(work.command)
    prefect_internals.ship_logs_to(lambda log: channel.send(LogRecord(log)))
    run = lean_engine.Run(
        flow_run=FlowRun.model_validate(work.flow_run),
        entrypoint=work.entrypoint,
        channel=channel,
        result_storage_id=UUID(work.result_storage_id) if work.result_storage_id else None,
        is_shown_late=work.is_shown_late,
    )
    run.flow_run.state = _wait_for_start(channel)
    flow = _load(run)
    if flow.isasync and not flow.isgenerator:
        return _drive(run, flow)
    signal.signal(signal.SIGUSR1, lambda *_: _interrupt(run))
    return lean_engine.run_blocking(run, flow)


def _load(run: lean_engine.Run) -> Any:
    try:
        return lean_engine.load(run)
    except BaseException as error:
        message = f"The flow could not be loaded: {type(error).__name__}: {error}"
        run.channel.send(RunEnded(settled=False, error=message))
        prefect_internals.flow_run_logger(run.flow_run).exception("The flow could not be loaded.")
        raise SystemExit(LOAD_FAILED) from error


def _wait_for_start(channel: RunChannel) -> State[Any]:
    """Wait until the worker has claimed the run: nothing may happen before. Returns the state that it is in then."""
    message = channel.receive()
    if not isinstance(message, Start):
        os._exit(ENDED_AS_ASKED)
    return lean_engine.state_from(message.state)


def _drive(run: lean_engine.Run, flow: Any) -> int:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(lean_engine.run_async(run, flow))
    loop.add_signal_handler(signal.SIGUSR1, _cancel, run, task)
    return loop.run_until_complete(task)


def _cancel(run: lean_engine.Run, task: asyncio.Task[int]) -> None:
    if _is_asked_to_end(run):
        task.cancel()


def _interrupt(run: lean_engine.Run) -> None:
    if _is_asked_to_end(run):
        raise TerminationSignal(signal=signal.SIGTERM)


def _is_asked_to_end(run: lean_engine.Run) -> bool:
    """Read the worker's messages. Whether it wants the run to end now."""
    for message in run.channel.received():
        if isinstance(message, Suspend):
            prefect_internals.note_suspension(run.flow_run.id)
        elif isinstance(message, End):
            termination.record(message.reason)
            lean_engine.note_termination()
            return True
    return False


def _apply_conditions(work: Work) -> None:
    """Take over the environment, the folder and the limits of the run."""
    changed = {name for name, value in work.environment.items() if os.environ.get(name) != value}
    os.environ.update(work.environment)
    if any(prefect_internals.is_setting(name) for name in changed):
        prefect_internals.reload_settings()
        run_client.forget()
    if any(not name.startswith("PREFECT_") or name in known_names() for name in changed):
        own_settings.forget()
    os.chdir(work.working_dir)
    process_control.limit_memory(work.memory_limit_mb)
    if not work.stream_output:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)


def _become_command(command: str) -> NoReturn:
    words = shlex.split(command)
    os.execvp(words[0], words)  # noqa: S606 - the command is the deployment owner's own job variable
