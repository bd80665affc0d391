"""The folder of one stack: data, logs, secrets, and the lock that prevents a second stack.

Only its owner can read it, because it contains secrets and the embedded servers' data. This module neither starts
nor ends processes.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from falcon_scheduler.deployments.stack.errors import HomeInUse, HomeRefused

_PORTS = range(20_000, 32_000)
"""Below those that systems give to outgoing connections. Source: Linux net.ipv4.ip_local_port_range, from 32768."""


class Home:
    """Paths under one folder. Creating the object makes the folders that are missing, or raises `HomeRefused`.

    <home>/logs/      one file per part
    <home>/secrets/   what was generated once: JWT secret, passwords
    <home>/<part>/    the part's data
    <home>/ports.json ports of the embedded servers, kept so that addresses stay the same
    <home>/stack.json pid, addresses and parts of the running stack
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        try:
            for folder in (self.path, self.logs, self._secrets):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)  # an existing folder may be open to others
        except OSError as error:
            raise HomeRefused(self.path, error.strerror or str(error)) from error

    @property
    def logs(self) -> Path:
        """The folder for every part's output."""
        return self.path / "logs"

    @property
    def _secrets(self) -> Path:
        return self.path / "secrets"

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.logs / f"{part}.log"

    def data(self, part: str) -> Path:
        """The data folder of one part, made when missing."""
        folder = self.path / part
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(48)) -> str:
        """Read a secret, generating it the first time."""
        known = self.known_secret(name)
        if known is not None:
            return known
        value = make()
        write_private(self._secrets / name, value)
        return value

    def keep_secret(self, name: str, value: str) -> None:
        """Replace a secret that another part generated."""
        write_private(self._secrets / name, value)

    def forget_secret(self, name: str) -> None:
        """Remove an outdated secret, if it exists."""
        (self._secrets / name).unlink(missing_ok=True)

    def known_secret(self, name: str) -> str | None:
        """Read a secret, or None when it was never generated."""
        try:
            return (self._secrets / name).read_text().strip()
        except FileNotFoundError:
            return None

    def port(self, part: str) -> int:
        """A free loopback port for an embedded server: the same as last time if it is still free."""
        path = self.path / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if part not in ports or not is_port_free("127.0.0.1", ports[part]):
            ports[part] = free_port(avoid=set(ports.values()))
            write_private(path, json.dumps(ports))
        return ports[part]

    def holder(self) -> int | None:
        """Process id of the stack that runs here, None when none does."""
        path = self.path / "lock"
        if not path.exists():
            return None
        with path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0) or None
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the home for this process.

        The kernel holds the lock and frees it when the process ends in any way, so there is no stale lock.

        Raises:
            HomeInUse: another process holds it.
        """
        with (self.path / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise HomeInUse(self.path, file.read().strip()) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner can read it, at no moment anyone else."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    partial.replace(path)


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        OSError: no server can listen there on any port: the address is not ours, or the port is a privileged one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT must not prevent it
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def free_port(avoid: set[int] | None = None) -> int:
    """A loopback port that is free now and that no outgoing connection takes while its server restarts."""
    while True:
        port = secrets.choice(_PORTS)
        if port not in (avoid or set()) and is_port_free("127.0.0.1", port):
            return port
