"""Has Prefect's server mark a deployment as polled when that changes something, not at each poll of its queue.

At each poll of a worker Prefect locks and rewrites every deployment of the polled queues, to show them as Ready: with
10,000 deployments 10,000 rows, several times a second under load (PrefectHQ/prefect 23129). Its foreman shows a
deployment as Not Ready only if its queue was not polled either, and each poll marks the queue. So a deployment that
is Ready needs no mark. Source: Prefect 3.8.8, `server/models/deployments.py`, `server/services/foreman.py`. The text
for a request upstream is in docs/decisions/0024-prefect-server-at-ten-thousand-tasks.md.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from prefect.server.schemas.statuses import DeploymentStatus

logger = logging.getLogger(__name__)

FUNCTION = "mark_deployments_ready"
MODULES = (
    "prefect.server.models.deployments",
    "prefect.server.api.deployments",
    "prefect.server.api.work_queues",
    "prefect.server.api.workers",
)
"""Where Prefect calls it by this name. The last three send it to a background task, which is found by its name."""
TASKS = "prefect.server.api.background_workers", "task_functions"
"""The list of background tasks."""
SHOWN_AGE = timedelta(hours=1)
"""Prefect's UI shows when a deployment was polled last: it is no older than this."""
MOST_AT_ONCE = 500
"""The others follow with the next poll, so that no poll locks thousands of rows."""
PAUSE_SECONDS = 2.0
"""So long after a search for the same queues none is made."""

Mark = Callable[..., Awaitable[None]]


def mark_what_changes() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect without that function."""
    try:
        modules = [import_module(name) for name in MODULES]
        tasks: list[Any] = getattr(import_module(TASKS[0]), TASKS[1])
        found = {getattr(module, FUNCTION) for module in modules}
        (mark,) = found
    except (ImportError, AttributeError, ValueError):
        logger.warning("This version of Prefect marks polled deployments in another way; it is left as it is")
        return False
    if hasattr(mark, "narrowed"):
        return True
    narrowed = Narrowed(mark).task()
    for module in modules:
        setattr(module, FUNCTION, narrowed)
    tasks[:] = [narrowed if each is mark else each for each in tasks]
    return True


class Narrowed:
    """Finds the deployments of the polled queues that need the mark, and has Prefect's own function mark them."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark
        self._searched: dict[frozenset[UUID], float] = {}

    def task(self) -> Mark:
        """What replaces Prefect's function: of the same name and signature, by which it is found and called."""

        @functools.wraps(self._mark)
        async def marking(
            *,
            db: Any,
            deployment_ids: Collection[UUID] | None = None,
            work_queue_ids: Collection[UUID] | None = None,
            **others: Any,
        ) -> None:
            wanted = [*(deployment_ids or ()), *await self._unmarked(db, frozenset(work_queue_ids or ()))]
            await self._mark(db=db, deployment_ids=wanted, work_queue_ids=None, **others)

        marking.narrowed = True  # type: ignore[attr-defined]
        return marking

    async def _unmarked(self, db: Any, queues: frozenset[UUID]) -> Sequence[UUID]:
        now = time.monotonic()
        if not queues or now - self._searched.get(queues, -PAUSE_SECONDS) < PAUSE_SECONDS:
            return ()
        self._searched[queues] = now
        deployment = db.Deployment
        is_due = sa.or_(
            deployment.status != DeploymentStatus.READY,
            deployment.last_polled.is_(None),
            deployment.last_polled < datetime.now(UTC) - SHOWN_AGE,
        )
        search = sa.select(deployment.id).where(deployment.work_queue_id.in_(queues), is_due).limit(MOST_AT_ONCE)
        async with db.session_context() as session:
            return (await session.execute(search)).scalars().all()  # type: ignore[no-any-return]
