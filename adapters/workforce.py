"""The workers of our pool: Prefect reports who is online, the workers themselves their slots and that they live."""

from __future__ import annotations

from redis.asyncio import Redis

from falcon_scheduler.adapters.prefect.client import Client, online_workers, paused_queues, pool_is_paused
from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.adapters.redis.workers import WorkerReport, reports
from falcon_scheduler.core.domain.workforce import OnlineWorker, Workforce
from falcon_scheduler.core.errors import Unavailable


async def read_workforce(client: Client, redis: Redis, slots_of_others: int, *, queues: bool = False) -> Workforce:
    """The workforce as it is now.

    Args:
        client: for Prefect's list of workers.
        redis: for the slots that the workers reported.
        slots_of_others: slots of a worker that has reported none lately: one of another type than ours, or any while
            Redis or Prefect was away.
        queues: whether the paused queues are read too, which is one request more.

    Raises:
        Unavailable: Prefect is away.
    """
    names = await online_workers(client)
    try:
        said = await reports(redis, POOL, names)
    except Unavailable:
        said = {}
    unknown = WorkerReport(slots=None, http_slots=0, is_dead=False)
    workers = []
    for name in names:
        report = said.get(name, unknown)
        if not report.is_dead:
            workers.append(
                OnlineWorker(
                    name=name,
                    slots=slots_of_others if report.slots is None else report.slots,
                    http_slots=report.http_slots,
                    began_at=report.began_at,
                    seen_at=report.seen_at,
                )
            )
    return Workforce(
        workers=workers,
        is_paused=await pool_is_paused(client),
        paused_queues=await paused_queues(client) if queues else (),
    )
