"""A plug-in's demo as a part: a made-up outside world on loopback, so that its system tasks have work to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from falcon_scheduler.adapters.mongo.client import open_database
from falcon_scheduler.adapters.settings import MongoSettings
from falcon_scheduler.adapters.system_tasks import Demo
from falcon_scheduler.adapters.system_tasks.chosen import Chosen
from falcon_scheduler.deployments.stack.errors import UnknownDemo
from falcon_scheduler.deployments.stack.home import Home, free_port
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command

PREFIX = "demo-"
"""Of the part's name; what follows names the demo."""


def demos_of(system_tasks: Chosen) -> Mapping[str, Demo]:
    """The demos of the plug-ins that are on, by the names of their parts."""
    found = (plugin.demo for plugin in system_tasks.plugins.values())
    return {f"{PREFIX}{demo.name}": demo for demo in found if demo is not None}


def check_demos(names: tuple[str, ...], system_tasks: Chosen) -> None:
    """Raises `UnknownDemo` for the first name that no plug-in has."""
    known = demos_of(system_tasks)
    for name in names:
        if f"{PREFIX}{name}" not in known:
            raise UnknownDemo(name, [each.name for each in known.values()])


class DemoPart(Part):
    """The server that a demo names. What its tasks work on is beside the scheduler's tasks in the database."""

    after = frozenset({"mongo"})

    def __init__(self, home: Home, demo: Demo, environment: Mapping[str, str]) -> None:
        super().__init__(home)
        self.name = f"{PREFIX}{demo.name}"
        self.title = demo.title
        self._demo = demo
        self._environment = environment
        self._port = free_port()

    async def prepare(self) -> None:
        """Write the data that the tasks work on."""
        mongo = MongoSettings()
        uri = self._environment.get("MONGODB_URI") or os.environ.get("MONGODB_URI") or mongo.uri
        async with open_database(uri, mongo.database) as database:
            await self._demo.fill(database)

    def command(self) -> Command:
        return Command(argv=tuple(self._demo.command(self._port)))

    async def is_ready(self) -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.close()
        return True

    def environment(self) -> Mapping[str, str]:
        return self._demo.environment(f"http://127.0.0.1:{self._port}")
