"""A shop's own system task: counts its orders every night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from falcon_scheduler.adapters.settings import Group
from falcon_scheduler.adapters.system_tasks import Parameters, Periodic, Probe, SystemTask, SystemTaskPlugin, World
from falcon_scheduler.core.domain.work import WorkContext
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts

CART_LIFETIME = timedelta(hours=1)


class ShopSettings(Group):
    """The variables `SHOP_…`. A bad value stops the start with its name."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    largest_order: Annotated[int, Field(ge=1)] = 1000


class OrderCount(Parameters):
    """What the task's config, or a single run, may give."""

    days: Annotated[int, Field(ge=1, le=31)] = 1


async def count_orders(parameters: OrderCount, context: WorkContext, world: World) -> Mapping[str, object]:
    """The work. What it returns is the outcome; what it raises fails the attempt."""
    since = world.clock.now() - timedelta(days=parameters.days)
    orders = world.database["shop_orders"]
    number = await orders.count_documents({"ordered_at": {"$gte": since}})
    largest = world.settings.of(ShopSettings).largest_order
    large = await orders.count_documents({"ordered_at": {"$gte": since}, "amount": {"$gt": largest}})
    context.log.info("%d orders, %d of them larger than %d", number, large, largest)
    return {"success": True, "output": f"{number} orders", "detail": {"orders": number, "large": large}}


async def make_indexes(world: World) -> None:
    """Called before the duties of the leading facade begin, at each start."""
    await world.database["shop_orders"].create_index("ordered_at")


def probes(world: World) -> Sequence[Probe]:
    """What `GET /status` and the health check show as `shop`; unhealthy when the function raises."""
    return [Probe("shop", lambda: world.database["shop_orders"].find_one())]


def duties(world: World, alerts: ServiceAlerts) -> Sequence[Periodic]:
    """What one facade of all repeats."""

    async def close_forgotten_carts() -> None:
        before = world.clock.now() - CART_LIFETIME
        await world.database["shop_carts"].update_many(
            {"open": True, "changed_at": {"$lt": before}}, {"$set": {"open": False}}
        )

    return [Periodic("close forgotten carts", close_forgotten_carts, timedelta(seconds=10))]


SHOP = SystemTaskPlugin(
    tasks=[
        SystemTask(
            id="system-order-count",
            name="Order Count",
            description="Counts the orders of the last days",
            schedule="0 30 1 * * *",
            work=count_orders,
            parameters=OrderCount,
            defaults={"days": 1},
            tags=("system", "shop"),
            timeout=timedelta(minutes=5),
        )
    ],
    settings=[ShopSettings],
    status_probes=probes,
    prepare=make_indexes,
    duties=duties,
)
