"""The interface of the stack's servers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from falcon_scheduler.adapters.settings.names import known_names
from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.process import Command


class Part(ABC):
    """One server: how to prepare, run, probe and reach it. It leaves no process behind after `prepare`."""

    name: str
    """Name of its log and data folder."""
    title: str
    """Name in messages."""
    after: ClassVar[frozenset[str]] = frozenset()
    """Parts that must be ready first, if the stack has them."""
    start_timeout: ClassVar[timedelta] = timedelta(minutes=3)
    """Far more than any needs (the slowest, Prefect's server, 5 to 10 s), for machines that are busy or slow."""

    def __init__(self, home: Home) -> None:
        self.home = home

    async def prepare(self) -> None:  # noqa: B027 - most parts need no preparation
        """Make what the first start needs. Called before every start; repeatable."""

    @abstractmethod
    def command(self) -> Command:
        """What to run."""

    @abstractmethod
    async def is_ready(self) -> bool:
        """Whether it serves. False or any exception means not yet."""

    async def is_serving(self) -> bool:
        """Whether a part that was ready still works. False or any exception means no.

        Needed only for servers that may be alive without working. Others die or recover without our help.
        """
        return True

    def environment(self) -> Mapping[str, str]:
        """What the other parts need in order to reach it."""
        return {}

    def reads(self, name: str) -> bool:
        """Whether its process gets this variable of its environment. An embedded server needs none of ours."""
        return name not in known_names() and not name.startswith("PREFECT_")

    def surrounded(self, command: Command, environment: Mapping[str, str]) -> Command:
        """The command with its whole environment: permitted variables of the supervisor, then these."""
        whole = {**os.environ, **environment}
        fitting = {name: value if self.reads(name) else None for name, value in whole.items()}
        return replace(command, environment={**fitting, **command.environment})
