"""What the tests of the EVE tasks stand on: a demo universe over HTTP, a database and a Redis of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from pymongo.asynchronous.database import AsyncDatabase
from redis.asyncio import Redis

from falcon_scheduler.adapters.clock import SystemClock
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.eve.demo import Demo, RunningDemo
from falcon_scheduler.eve.demo.faults import Faults, SsoFaults
from falcon_scheduler.eve.demo.sso import CLIENT_ID, CLIENT_SECRET, owner_hash, refresh_token
from falcon_scheduler.eve.settings import EsiSettings, EveSettings
from falcon_scheduler.flows.executors.system import SystemExecutor

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
AGENT = "falcon-scheduler-tests/1.0 (tests@falcon-scheduler.org)"
Document = dict[str, Any]


@dataclass
class Told:
    """What a run said while it was at work."""

    progress: list[tuple[int, int | None, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    async def advance(self, done: int, total: int | None = None, text: str = "") -> None:
        self.progress.append((done, total, text))


class Lines(logging.Handler):
    """Keeps a run's log as lines."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.lines.append(record.getMessage())


@dataclass
class Bench:
    """Runs EVE tasks against a demo universe, as an executor would."""

    running: RunningDemo
    database: AsyncDatabase[Document]
    redis: Redis | None
    esi: dict[str, Any] = field(default_factory=dict)
    eve: dict[str, Any] = field(default_factory=dict)
    told: Told = field(default_factory=Told)

    @property
    def demo(self) -> Demo:
        return self.running.demo

    @property
    def faults(self) -> Faults:
        return self.running.demo.faults

    @property
    def sso_faults(self) -> SsoFaults:
        return self.running.demo.sso

    def settings(self) -> Settings:
        esi: dict[str, Any] = {
            "base_url": self.running.base_url,
            "user_agent": AGENT,
            "compatibility_date": date(2025, 12, 16),
            "requests_per_second": 1000.0,
        } | self.esi
        eve: dict[str, Any] = {
            "client_id": CLIENT_ID,
            "client_secret": SecretStr(CLIENT_SECRET),
            "sso_url": self.running.base_url,
            "token_key": None,
        } | self.eve
        return Settings.load().with_groups(EsiSettings(**esi), EveSettings(**eve))

    async def run(
        self,
        task_name: str,
        *,
        config: Mapping[str, Any] | None = None,
        attempt_seconds: float = 60,
        **parameters: Any,
    ) -> TaskResult:
        """Run a task to its end; `parameters` are the run's own, over those in the config."""
        log = logging.getLogger(f"eve-test-{id(self.told)}")
        log.setLevel(logging.DEBUG)
        log.propagate = False
        log.handlers = [Lines(self.told)]
        context = WorkContext(
            task_id="system-test",
            task_name="EVE test",
            execution_id="execution",
            attempt=1,
            config={"task_name": task_name, "parameters": {"delay_between_requests": "0s"} | dict(config or {})}
            if task_name in ("alliance_bulk_import", "corporation_update")
            else {"task_name": task_name, "parameters": dict(config or {})},
            parameters=parameters,
            deadline_at=datetime.now(UTC) + timedelta(seconds=attempt_seconds),
            scheduled_for=None,
            fencing_token=1,
            cancelled=lambda: False,
            log=log,
            progress=self.told.advance,
        )
        world = World(settings=self.settings(), database=self.database, redis=self.redis, clock=SystemClock())
        return await SystemExecutor(world.settings.system_tasks.tasks, world).execute(context)

    def requests(self, part: str) -> int:
        """Requests whose `METHOD route status` holds the text."""
        return sum(number for name, number in self.demo.requests.items() if part in name)

    async def asked(self, times: int = 1) -> None:
        """Return once the server has been asked so many times."""
        async with asyncio.timeout(60):
            while len(self.demo.arrivals) < times:  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)

    async def all(self, collection: str) -> list[Document]:
        """All documents of a collection."""
        return await self.database[collection].find().to_list()

    async def add_profiles(self, *character_ids: int, **fields: Any) -> None:
        """Profiles whose tokens are about to expire, the first one soonest."""
        soon = datetime.now(UTC) + timedelta(minutes=1)
        await self.database["user_profiles"].insert_many(
            {
                "user_id": "one user",
                "character_id": one,
                "character_owner_hash": owner_hash(one),
                "access_token": "old",
                "refresh_token": refresh_token(one),
                "token_expiry": soon + timedelta(seconds=order),
                "valid": True,
                "updated_at": LONG_AGO,
            }
            | fields
            for order, one in enumerate(character_ids)
        )

    async def profile(self, character_id: int) -> Document:
        """The profile of a character."""
        return await self._one("user_profiles", "character_id", character_id)

    async def add_characters(self, *character_ids: int, **fields: Any) -> None:
        """Characters who stand in no corporation of the universe, unless the fields say otherwise."""
        documents = [
            {"character_id": one, "name": f"Pilot {one}", "corporation_id": 1, "updated_at": LONG_AGO} | fields
            for one in character_ids
        ]
        for start in range(0, len(documents), 1000):
            await self.database["characters"].insert_many(documents[start : start + 1000], ordered=False)

    async def character(self, character_id: int) -> Document:
        """The document of a character."""
        return await self._one("characters", "character_id", character_id)

    async def add_corporations(self, *corporation_ids: int, **fields: Any) -> None:
        """Corporations about which nothing but the id is known."""
        await self.database["corporations"].insert_many(
            {"corporation_id": one, "created_at": LONG_AGO, "updated_at": LONG_AGO} | fields
            for one in corporation_ids
        )

    async def corporation(self, corporation_id: int) -> Document:
        """The document of a corporation."""
        return await self._one("corporations", "corporation_id", corporation_id)

    async def alliance(self, alliance_id: int) -> Document:
        """The document of an alliance."""
        return await self._one("alliances", "alliance_id", alliance_id)

    async def _one(self, collection: str, key: str, value: int) -> Document:
        document = await self.database[collection].find_one({key: value})
        assert document is not None, f"no {collection} {value}"
        return document
