"""Makes what the duties need: indexes, the takeover of another scheduler's database, the work pool, system tasks."""

from __future__ import annotations

import logging
from datetime import timedelta

from falcon_scheduler.adapters.mongo.client import TASKS
from falcon_scheduler.adapters.mongo.go_falcon.migration import GoFalconMigration
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.prefect.client import Client, ensure_foundation
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores, world_of
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.seeding import SERVICE, Seeding
from falcon_scheduler.core.services.tasks.takeover import TakeoverService
from falcon_scheduler.flows.worker import WarmProcessWorker

logger = logging.getLogger(__name__)


class Preparation(Duty):
    """Safe to repeat, and to do in several facades at the same time."""

    name = "prepare"
    interval = timedelta(seconds=1)

    def __init__(
        self, settings: Settings, stores: Stores, client: Client, audit: Auditing, takeover: TakeoverService
    ) -> None:
        self._plugged = settings.system_tasks
        self._world = world_of(settings, stores)
        self._stores = stores
        self._client = client
        self._takeover = takeover
        self._seeding = Seeding(tasks=stores.tasks, clock=stores.clock, audit=audit)

    async def work(self) -> None:
        """Make it. Raises `Unavailable`."""
        await ensure_indexes(self._stores.database)
        if await self._takeover.take_over(SERVICE) is None:
            await self._warn_of_other_databases()
        await ensure_foundation(self._client, WarmProcessWorker.get_default_base_job_template())
        definitions = {task_id: task.definition for task_id, task in self._plugged.tasks.items()}
        await self._seeding.seed(definitions, self._plugged.left_out, self._plugged.problems)
        await self._plugged.prepare(self._world)

    def forget(self) -> None:
        """Nothing: what is made stays."""

    async def _warn_of_other_databases(self) -> None:
        """An empty database beside one that holds tasks is most likely the wrong one."""
        database = self._stores.database
        if await database[TASKS].find_one({}, {"_id": 1}) is not None:
            return
        try:
            others = await GoFalconMigration(database).other_databases()
        except Unavailable:  # whoever may not list databases learns nothing of others
            return
        if others:
            logger.warning(
                "Database %r is empty, and %s of the same server hold scheduler tasks; MONGODB_DATABASE chooses",
                database.name,
                ", ".join(map(repr, others)),
            )
