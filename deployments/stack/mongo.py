"""A MongoDB-compatible server for tasks and executions: SecantusDB, as a separate program. See decision 0002.

SecantusDB is GPL-2.0: it is started beside us and spoken to over its wire protocol, never imported.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from falcon_scheduler.deployments.stack.certificate import make_certificate
from falcon_scheduler.deployments.stack.errors import PartFailed, PartMissing
from falcon_scheduler.deployments.stack.home import Home, write_private
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command, spawn, stop, tail

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

_USER = "falcon"
_ONE_FIRST_START = timedelta(seconds=30)
"""How long one start may take to create the user: less than a second, more on a machine that is busy."""
_USER_EXISTS = 51003  # Source: MongoDB error codes, Location51003


class Mongo(Part):
    """The MongoDB-compatible server: loopback only, with a user and password, every commit synced to disk."""

    name = "mongo"
    title = "SecantusDB"

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._folder = home.data(self.name)
        self._port = home.port(self.name)
        self._password = home.secret("mongo_password")

    async def prepare(self) -> None:
        """Create our user at the first start. The server must run without a password for that, so for that second it
        accepts only connections with a certificate that is made for the purpose."""
        created = self._folder / "user_created"
        if created.exists():
            return
        certificate = self._folder / "first_start.pem"
        write_private(certificate, make_certificate("127.0.0.1", self.start_timeout))
        try:
            for _ in range(self.start_timeout // _ONE_FIRST_START):
                if await self._starts_and_takes_user(certificate):
                    write_private(created, "")
                    return
        finally:
            certificate.unlink()
        log = self.home.log(self.name)
        raise PartFailed(self.title, "did not take its first user", log, tail(log))

    async def _starts_and_takes_user(self, certificate: Path) -> bool:
        """Whether one start without a password has created the user in time.

        SecantusDB shakes hands with one client at a time: one that connects and stays silent shuts all others out,
        until the server is started anew.
        """
        open_server = self.surrounded(self._command(*_only_for(certificate)), {})
        process = await spawn(open_server, self.home.path, self.name, self.home.log(self.name))
        try:
            async with asyncio.timeout(_ONE_FIRST_START.total_seconds()):
                await self._create_user(certificate)
        except TimeoutError:
            return False
        finally:
            await stop(process, open_server, self.home.path, self.name)
        return True

    def command(self) -> Command:
        return self._command("--auth")

    def _command(self, *access: str) -> Command:
        program = Path(sys.executable).with_name("secantusd-py")
        if not program.exists():
            raise PartMissing(self.title, "MONGODB_URI")
        return Command(
            argv=(
                *(str(program), "--host", "127.0.0.1", "--port", str(self._port), "--standalone"),
                *("--storage-path", str(self._folder / "data")),
                # Without it a killed server loses the last second of writes (measured).
                "--sync-on-commit",
                *("--cache-size", "128M", "--log-level", "WARNING"),
                *access,
            ),
            cwd=self._folder,
        )

    async def is_ready(self) -> bool:
        await self._run(self._uri, {"ping": 1})
        return True

    async def is_serving(self) -> bool:
        """Whether it still writes. After a full disk it refuses every write until it is restarted."""
        written: dict[str, object] = {"q": {"_id": "probe"}, "u": {"$set": {"at": datetime.now(UTC)}}, "upsert": True}
        answer = await self._run(self._uri, {"update": "liveness", "updates": [written]})
        return not answer.get("writeErrors")

    async def _create_user(self, certificate: Path) -> None:
        from pymongo.errors import OperationFailure, PyMongoError

        trusted = quote(str(certificate), safe="")
        uri = f"mongodb://127.0.0.1:{self._port}/?tls=true&tlsCAFile={trusted}&tlsCertificateKeyFile={trusted}"
        order: dict[str, object] = {"createUser": _USER, "pwd": self._password, "roles": ["root"]}
        # One client for all attempts: one that is closed while it connects leaves its socket open, and the server
        # waits for that silent client.
        async with self._client(uri) as client:
            while True:
                try:
                    await client.admin.command(order)
                except OperationFailure as error:
                    if error.code == _USER_EXISTS:  # an earlier first start was killed just after the creation
                        return
                    raise
                except PyMongoError:  # it does not listen yet
                    await asyncio.sleep(0.05)
                else:
                    return

    async def _run(self, uri: str, order: dict[str, object]) -> dict[str, object]:
        async with self._client(uri) as client:
            return await client.admin.command(order)

    @staticmethod
    def _client(uri: str) -> AsyncMongoClient[dict[str, object]]:
        from pymongo import AsyncMongoClient

        # By default the driver opens another connection for measuring as soon as the first one works. The end of the
        # client would cancel that in the middle and leave its socket open (pymongo 4.20).
        return AsyncMongoClient(uri, serverSelectionTimeoutMS=2000, serverMonitoringMode="poll")

    @property
    def _uri(self) -> str:
        return f"mongodb://{_USER}:{self._password}@127.0.0.1:{self._port}/?authSource=admin"

    def environment(self) -> Mapping[str, str]:
        return {"MONGODB_URI": self._uri}


def _only_for(certificate: Path) -> tuple[str, ...]:
    return (
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate)),
        *("--tls-ca-file", str(certificate), "--tls-require-client-cert"),
    )
