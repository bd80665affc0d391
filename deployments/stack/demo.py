"""The demo ESI as a part: an invented EVE Online on loopback, so that all seven system tasks have work to do."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from falcon_scheduler.adapters.mongo.client import open_database
from falcon_scheduler.adapters.settings import MongoSettings
from falcon_scheduler.deployments.stack.home import Home, free_port
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command
from falcon_scheduler.eve.demo import environment as demo_environment
from falcon_scheduler.eve.demo import seed


class DemoEsi(Part):
    """ESI and EVE SSO over a small universe, whose database is on the same server as the tasks'."""

    name = "demo-esi"
    title = "Demo ESI"
    after = frozenset({"mongo"})

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        super().__init__(home)
        self._environment = environment
        self._port = free_port()

    async def prepare(self) -> None:
        """Write the universe's characters, corporations and logins to the collections that the tasks read."""
        mongo = MongoSettings()
        uri = self._environment.get("MONGODB_URI") or os.environ.get("MONGODB_URI") or mongo.uri
        async with open_database(uri, mongo.database) as database:
            await seed(database)

    def command(self) -> Command:
        return Command(argv=(sys.executable, "-m", "falcon_scheduler.eve.demo", "--port", str(self._port)))

    async def is_ready(self) -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.close()
        return True

    def environment(self) -> Mapping[str, str]:
        return demo_environment(f"http://127.0.0.1:{self._port}")
