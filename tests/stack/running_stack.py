"""The command line as its user has it: real processes, looked at from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from falcon_scheduler.deployments.stack.home import free_port
from falcon_scheduler.deployments.stack.process import leftovers

PROGRAM = Path(sys.executable).with_name("falcon-scheduler")

FACADE_KEYS = {
    "METRICS_TOKEN": "pl4nted-metrics-token",
    "ALERT_WEBHOOK_SECRET": "pl4nted-secret-of-thirty-two-bytes",
}
"""What only the facade of the stack may find in its environment."""

FOR_RUNS = {"EVE_CLIENT_SECRET": "pl4nted-eve-secret", "SCHEDULER_HTTP_ALLOW": "192.0.2.0/24"}
"""What its worker and runs may find too."""

GIVEN_ELSEWHERE = re.compile(r"^(MONGODB|REDIS|PREFECT|JWT|SCHEDULER|API_|EVE|ESI|METRICS|ALERT)")
"""Variables of the surroundings that must not reach a stack under test."""


def wait_until(holds: Callable[[], bool], what: str, patience_seconds: float = 90) -> None:
    """Wait for something that has no event to wait for; generous, because the machine may be busy."""
    deadline = time.monotonic() + patience_seconds
    while not holds():
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.1)


def clean_environment(**extra: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not GIVEN_ELSEWHERE.match(name)}
    return {**own, **extra}


def falcon(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [PROGRAM, *arguments], env=clean_environment(**environment), capture_output=True, text=True, timeout=60
    )


def into_a_closed_pipe(*arguments: str, **environment: str) -> str:
    """Run one command whose reader is gone, as behind `| head`, and return what it says on standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [PROGRAM, *arguments],
            env=clean_environment(**environment),
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    finally:
        os.close(writer)
    return done.stderr


class Up:
    """`falcon-scheduler up` on a home of its own, as a process of its own.

    Args:
        home: its data; what it prints goes to a file beside it.
        program: the command, of this environment when not given.
        folder: where it is started, here when not given.
    """

    def __init__(self, home: Path, program: Path = PROGRAM, folder: Path | None = None, **environment: str) -> None:
        self.home = home
        self._program = program
        self._folder = folder
        self._environment = environment
        self.port, self.prefect_port = free_port(), free_port()
        self._output_file = home.parent / "up.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._output_file.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(self._program, "up", "--home", str(self.home)),
                    *("--port", str(self.port), "--prefect-port", str(self.prefect_port)),
                ],
                cwd=self._folder,
                env=clean_environment(**FACADE_KEYS, **FOR_RUNS, **self._environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(lambda: self.has_ended or "Ctrl-C stops everything" in self.output, "the stack is ready", 300)
        assert not self.has_ended, self.output

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def output(self) -> str:
        return self._output_file.read_text()

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/scheduler"

    @property
    def prefect_url(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}"

    @property
    def login_link(self) -> str:
        """The printed link that logs a browser in to Prefect."""
        found = re.search(r"\S+/falcon/login#\S+", self.output)
        assert found, self.output
        return found[0]

    def prefect(self) -> httpx.Client:
        """A client of Prefect's API that knows the printed password."""
        found = re.search(r"its password (\S+?):(\S+)", self.output)
        assert found, self.output
        return httpx.Client(base_url=f"{self.prefect_url}/api", auth=(found[1], found[2]), timeout=120)

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.api_url, headers=headers, timeout=120)

    @property
    def token(self) -> str:
        found = re.search(r"export TOKEN=(\S+)", self.output)
        assert found, self.output
        return found[1]

    def processes(self) -> dict[str, psutil.Process]:
        """The main process of each part."""
        lines = falcon("status", "--home", str(self.home)).stdout.splitlines()[1:]
        return {line.split()[0]: psutil.Process(int(line.split()[1])) for line in lines}

    @property
    def everything(self) -> list[psutil.Process]:
        """Its supervisor and all that the supervisor started."""
        return [psutil.Process(self.process.pid), *self.leftovers]

    def is_healthy(self) -> bool:
        """Whether the API answers and says that all it needs is well."""
        try:
            answer = httpx.get(f"{self.api_url}/status", timeout=60)
        except httpx.HTTPError:
            return False
        return bool(answer.is_success and answer.json()["status"] == "healthy")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(timeout=90)

    @property
    def leftovers(self) -> list[psutil.Process]:
        return leftovers(self.home)

    def close(self) -> None:
        if self._process is not None and not self.has_ended:
            self.stop()
