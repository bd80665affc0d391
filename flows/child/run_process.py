"""A run's own process, from the fork to its last breath.

It takes the run from its worker, drives Prefect's engine over it, passes logs to the worker, and leaves by
`os._exit`: user threads, exit handlers and interpreter teardown cannot hold up the end of a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import shlex
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

from prefect.client.schemas.objects import FlowRun
from prefect.context import refresh_global_settings_context
from prefect.events.worker import EventsWorker
from prefect.exceptions import TerminationSignal
from prefect.logging.configuration import setup_logging
from prefect.logging.handlers import set_api_log_sink
from prefect.logging.loggers import flow_run_logger

from falcon_scheduler.adapters.settings.names import known_names
from falcon_scheduler.flows import termination
from falcon_scheduler.flows.child import lean_engine, run_client
from falcon_scheduler.flows.child.warm_up_run import rehearse
from falcon_scheduler.flows.forkserver import preload
from falcon_scheduler.flows.interprocess import process_control
from falcon_scheduler.flows.interprocess.channel import Message, RunChannel

ENDED_AS_ASKED = 0
LOAD_FAILED = 70
"""Exit codes. The worker goes by what the run said before it ended; these are for people who watch processes."""


def prepare() -> None:
    """Do once, before any fork, what every run would otherwise do again."""
    setup_logging()
    run_client.prepare()
    rehearse()
    preload.load_for_tasks()


def main(descriptor: int) -> NoReturn:
    """Be the run that comes over this descriptor. For a freshly forked process."""
    status = 1
    channel = RunChannel(socket.socket(fileno=descriptor))
    try:
        os.setsid()
        process_control.die_with_parent()
        process_control.adopt_orphans()
        process_control.be_first_to_go()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _seed()
        status = _live(channel)
    except EOFError:
        status = 1
    except SystemExit as request:
        status = request.code if isinstance(request.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - the process ends here; this is its last word
        channel.send("ended", settled=False, error=f"The run could not be started: {type(error).__name__}: {error}")
        traceback.print_exc()
    finally:
        _flush()
        os._exit(status)


def _live(channel: RunChannel) -> int:
    work = channel.receive()
    _enter_surroundings(work)
    if work.get("command"):
        _wait_for_start(channel)
        _become_command(work)
    set_api_log_sink(lambda log: channel.send("log", log=log))
    run = lean_engine.Run(
        flow_run=FlowRun.model_validate(work["flow_run"]),
        entrypoint=work["entrypoint"],
        channel=channel,
        result_storage_id=work["result_storage_id"],
    )
    run.flow_run.state = lean_engine.state_from(_wait_for_start(channel))
    flow = _load(run)
    if flow.isasync and not flow.isgenerator:
        return _drive(run, flow)
    signal.signal(signal.SIGUSR1, lambda *_: _interrupt(channel))
    return lean_engine.run_blocking(run, flow)


def _load(run: lean_engine.Run) -> Any:
    try:
        return lean_engine.load(run)
    except BaseException as error:
        run.channel.send(
            "ended", settled=False, error=f"The flow could not be loaded: {type(error).__name__}: {error}"
        )
        flow_run_logger(run.flow_run).exception("The flow could not be loaded.")
        raise SystemExit(LOAD_FAILED) from error


def _seed() -> None:
    """Let runs draw different random numbers, also from the numpy that a plug-in imported before the fork."""
    random.seed()
    if (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed()


def _wait_for_start(channel: RunChannel) -> Message:
    """Wait until the worker has claimed the run: nothing may happen before."""
    message = channel.receive()
    if message["kind"] != "start":
        os._exit(ENDED_AS_ASKED)
    state: Message = message["state"]
    return state


def _drive(run: lean_engine.Run, flow: Any) -> int:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    task = loop.create_task(lean_engine.run_async(run, flow))
    loop.add_signal_handler(signal.SIGUSR1, _end, run.channel, task)
    return loop.run_until_complete(task)


def _end(channel: RunChannel, task: asyncio.Task[int]) -> None:
    if _asked_to_end(channel):
        task.cancel()


def _interrupt(channel: RunChannel) -> None:
    if _asked_to_end(channel):
        raise TerminationSignal(signal=signal.SIGTERM)


def _asked_to_end(channel: RunChannel) -> bool:
    """Read what the worker says. Whether it wants the run to end now."""
    for message in channel.waiting():
        if message["kind"] == "suspend":
            lean_engine.note_suspension()
        elif message["kind"] == "end":
            termination.record(message["reason"])
            lean_engine.note_termination()
            return True
    return False


def _enter_surroundings(work: Message) -> None:
    changed = {name for name, value in work["env"].items() if os.environ.get(name) != value}
    os.environ.update(work["env"])
    if any(name.startswith("PREFECT_") and not name.startswith("PREFECT__") for name in changed):
        refresh_global_settings_context()
    if any(not name.startswith("PREFECT_") or name in known_names() for name in changed):
        preload.forget_settings()
    os.chdir(work["working_dir"])
    if work.get("memory_limit_mb"):
        process_control.limit_memory(work["memory_limit_mb"])
    if not work.get("stream_output", True):
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)


def _become_command(work: Message) -> NoReturn:
    words = shlex.split(work["command"])
    os.execvp(words[0], words)  # noqa: S606 - the command is the deployment owner's own job variable


def _flush() -> None:
    try:
        set_api_log_sink(None)
        if getattr(EventsWorker, "_instances", None):
            EventsWorker.drain_all(timeout=5)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001, S110 - nothing is left to tell it to
        pass
