"""A shop's system tasks on a stack of their own: installed, broken, left out and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.deployments.stack.embedded import PRODUCT, EmbeddedStack
from tests.conftest import wait_until
from tests.distribution import install, remove
from tests.faults.conftest import environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

EXAMPLE = Path(__file__).parents[2] / "examples/system_task_plugin/shop_tasks.py"
ENTRY_POINTS = "[falcon_scheduler.system_tasks]\nshop = shop_tasks:SHOP\n"
SECRET = "a secret that only the tests of plug-ins know"
TASK = "/tasks/system-order-count"


@dataclass
class Shop:
    """The stack with the example installed, and a client of its API."""

    stack: EmbeddedStack
    folder: Path
    database: AsyncDatabase[dict[str, Any]]
    api: httpx.AsyncClient

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.api.get(path)
        return dict(answer.json()) if answer.is_success else {}

    async def restart_facade(self) -> None:
        await self.stack.stop_part("facade")
        await self.stack.start_part("facade")

    async def becomes(self, task_id: str, source: str, status: str) -> dict[str, Any]:
        """The task, once the facade has prepared everything."""

        async def look() -> dict[str, Any] | None:
            task = await self.get(f"/tasks/{task_id}")
            metadata = task.get("metadata", {})
            return task if (metadata.get("source"), task.get("status")) == (source, status) else None

        found: dict[str, Any] = await wait_until(look, f"{task_id} is {source} and {status}")
        return found

    async def enabled_again(self, task_id: str) -> dict[str, Any]:
        """The task, once it is enabled. Its status is that of its last run, which may be of now."""

        async def look() -> dict[str, Any] | None:
            task = await self.get(f"/tasks/{task_id}")
            return task if task.get("enabled") else None

        found: dict[str, Any] = await wait_until(look, f"{task_id} is enabled")
        return found


@pytest_asyncio.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("site")
    install(folder, "shop_tasks", EXAMPLE.read_text(), ENTRY_POINTS)
    own = {"JWT_SECRET": SECRET, "PYTHONPATH": str(folder), "MONGODB_DATABASE": "shop"}
    with environment(own):
        async with EmbeddedStack(tmp_path_factory.mktemp("shop"), parts=PRODUCT) as stack:
            client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(stack.environment["MONGODB_URI"])
            bearer = Bearer("shop", 1, "Shop", is_super_admin=True)
            token = mint_token(SECRET, bearer, issued_at=datetime.now(UTC), ttl=timedelta(hours=1))
            facade: Any = stack.part("facade")
            async with httpx.AsyncClient(
                base_url=facade.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
            ) as api:
                yield Shop(stack, folder, client["shop"], api)
            await client.close()


async def test_its_task_is_seeded_and_its_parameters_are_checked_by_name(shop: Shop) -> None:
    task = await shop.becomes("system-order-count", "system", "pending")
    assert task["config"] == {"task_name": "order_count", "parameters": {"days": 1}}
    assert task["schedule"] == "0 30 1 * * *"
    refused = await shop.api.post(f"{TASK}/execute", json={"parameters": {"days": "seven"}})
    assert refused.status_code == 400
    assert [each["location"] for each in refused.json()["errors"]] == ["parameters.days"]
    assert (await shop.api.delete(TASK)).status_code == 403


async def test_its_work_runs_with_what_the_request_gives(shop: Shop) -> None:
    now = datetime.now(UTC)
    orders = [{"ordered_at": now - timedelta(days=age), "amount": amount} for age, amount in ((0, 5), (3, 2000))]
    await shop.database["shop_orders"].insert_many(orders)
    asked = await shop.api.post(f"{TASK}/execute", json={"parameters": {"days": 7}})
    assert asked.status_code == 202, asked.text

    async def ended() -> Any:
        execution = await shop.get(f"/executions/{asked.json()['execution_id']}")
        return execution if execution.get("status") in {"completed", "failed"} else None

    execution = await wait_until(ended, "the execution has ended")
    assert (execution["status"], execution["output"]) == ("completed", "2 orders"), execution
    assert (execution["metadata"]["orders"], execution["metadata"]["large"]) == (2, 1)


async def test_its_probe_its_index_and_its_duty_are_at_work(shop: Shop) -> None:
    components = (await shop.get("/status"))["components"]
    assert [(each["name"], each["status"]) for each in components] == [("shop", "healthy")]
    assert "ordered_at_1" in await shop.database["shop_orders"].index_information()
    carts, before = shop.database["shop_carts"], datetime.now(UTC) - timedelta(hours=2)
    await carts.insert_one({"_id": "cart", "open": True, "changed_at": before})

    async def closed() -> bool:
        return await carts.find_one({"_id": "cart", "open": False}) is not None

    await wait_until(closed, "the forgotten cart is closed")


async def test_a_plug_in_that_breaks_and_tasks_that_are_left_out_stay_disabled_with_the_reason(shop: Shop) -> None:
    (shop.folder / "shop_tasks.py").write_text("import a_module_that_is_missing\n")
    with environment({"SCHEDULER_SYSTEM_TASKS": "housekeeping,shop"}):
        await shop.restart_facade()
        broken = await shop.becomes("system-order-count", "retired", "disabled")
        left_out = await shop.becomes("system-token-refresh", "retired", "disabled")
    assert (
        "Plug-in 'shop' of system tasks can't be used: it raises ModuleNotFoundError"
        in (broken["metadata"]["last_error"])
    )
    assert "SCHEDULER_SYSTEM_TASKS leaves this system task out" in left_out["metadata"]["last_error"]
    status = await shop.get("/status")
    assert status["status"] == "degraded"
    assert "Plug-in 'shop'" in status["message"]
    assert (await shop.get("/tasks/system-health-check"))["enabled"]


async def test_what_is_on_again_is_as_it_was(shop: Shop) -> None:
    (shop.folder / "shop_tasks.py").write_text(EXAMPLE.read_text())
    await shop.restart_facade()
    task = await shop.becomes("system-order-count", "system", "completed")
    assert (task["enabled"], task["metadata"]["last_error"]) == (True, "")
    assert (await shop.enabled_again("system-token-refresh"))["metadata"]["source"] == "system"


async def test_what_is_removed_stays_with_its_history_and_may_be_deleted(shop: Shop) -> None:
    remove(shop.folder, "shop_tasks")
    await shop.restart_facade()
    task = await shop.becomes("system-order-count", "retired", "disabled")
    assert task["metadata"]["last_error"].startswith("This service has no such system task")
    assert (await shop.get(f"{TASK}/history"))["total"] == 1
    assert "components" not in await shop.get("/status")
    assert (await shop.api.delete(TASK)).is_success
