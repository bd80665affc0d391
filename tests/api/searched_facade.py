"""A facade that secrets are sent to, and everything that they leave behind, to be searched."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import BASE, bearer, token_of
from tests.api.facade_process import start_facade
from tests.conftest import NEVER, wait_until

MONGO = ("scheduler_executions", "scheduler_audit")


class SearchedFacade:
    """A facade as a process of its own, whose log can be read, and the tasks that were made through it."""

    def __init__(self, client: httpx.AsyncClient, log: Path, token: str, readers_token: str) -> None:
        self.client = client
        self.log = log
        self.token = token
        self.readers_token = readers_token
        self.made: dict[str, str] = {}
        self.asked: dict[str, str] = {}
        self.turns = asyncio.Semaphore(4)
        self.answers: dict[str, str] = {}

    async def ask(self, name: str, method: str, path: str, **sent: Any) -> httpx.Response:
        """Send what may hold a secret; the answer is searched."""
        async with self.turns:
            answer = await self.client.request(method, f"{BASE}{path}", **sent)
        assert answer.status_code < 500, answer.text
        if answer.is_error:
            self.answers[f"answer to {name}"] = answer.text + str(answer.headers)
        return answer

    async def run(self, name: str, type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Make the task and ask for an execution."""
        metadata = {"max_retries": 1, "retry_interval": "1s"}
        body = {"name": f"{name} {uuid.uuid4().hex[:6]}", "type": type, "schedule": NEVER, "config": config}
        created = await self.ask(name, "POST", "/tasks", json={**body, "metadata": metadata})
        assert created.status_code == 201, (name, created.text)
        self.made[name] = created.json()["id"]
        sent = {"parameters": parameters}
        asked = await self.ask(name, "POST", f"/tasks/{self.made[name]}/execute", json=sent)
        assert asked.status_code == 202, (name, asked.text)
        self.asked[name] = asked.json()["execution_id"]

    async def ended(self) -> dict[str, Any]:
        """Every execution, once it has ended, by name."""

        async def look() -> dict[str, Any]:
            found = {name: (await self.client.get(f"{BASE}/executions/{each}")) for name, each in self.asked.items()}
            ends = {name: each.json() for name, each in found.items() if each.is_success}
            done = [each["status"] in {"completed", "failed"} for each in ends.values()]
            return ends if len(done) == len(self.asked) and all(done) else {}

        ends: dict[str, Any] = await wait_until(look, "every execution has ended", 240)
        return ends


@asynccontextmanager
async def searched_facade(settings: Settings, log: Path) -> AsyncIterator[SearchedFacade]:
    """One that runs, with an administrator's token. Deletes what was made through it at the end."""
    address, process = await start_facade(log, API_RATE_LIMIT="0")
    token = token_of(settings, super_admin=True)
    async with httpx.AsyncClient(base_url=address, headers=bearer(token), timeout=60) as client:
        facade = SearchedFacade(client, log, token, token_of(settings))

        async def answers() -> bool:
            try:
                return (await client.get(f"{BASE}/tasks")).is_success
            except httpx.TransportError:
                return False

        await wait_until(answers, "the facade answers")
        yield facade
        for task_id in facade.made.values():
            await client.delete(f"{BASE}/tasks/{task_id}")
    process.terminate()
    await process.wait()


async def left_by(facade: SearchedFacade, services: Services, home: Path) -> dict[str, str]:
    """Every text that was left of the tasks, by its place."""
    texts = {**facade.answers, "the facade's log": facade.log.read_text()}
    texts |= {f"the log {log.name}": log.read_text(errors="replace") for log in (home / "logs").glob("*.log")}
    for name, task_id in facade.made.items():
        for path in (f"/tasks/{task_id}/history", f"/executions?task_id={task_id}", f"/audit?task_id={task_id}"):
            texts[f"GET {path} of {name}"] = (await facade.client.get(f"{BASE}{path}")).text
        task = (await facade.client.get(f"{BASE}/tasks/{task_id}")).json()
        texts[f"the task {name} beside its config"] = json.dumps({**task, "config": None}, ensure_ascii=False)
        for collection in MONGO:
            found = await services.stores.database[collection].find({"task_id": task_id}).to_list()
            texts[f"{collection} of {name}"] = repr(found)
    reader = {"Authorization": f"Bearer {facade.readers_token}"}
    for path in ("/tasks?page_size=100", "/tasks/export", "/executions?page_size=100"):
        texts[f"GET {path} of a reader"] = (await facade.client.get(f"{BASE}{path}", headers=reader)).text
    for name, task_id in facade.made.items():
        answer = await facade.client.get(f"{BASE}/tasks/{task_id}", headers=reader)
        assert answer.json()["config"]["url" if "url" in answer.json()["config"] else "function_name"]
        texts[f"GET /tasks/{task_id} of a reader, {name}"] = answer.text
    client = services.engine.client
    for name, execution_id in facade.asked.items():
        run_id = uuid.UUID(execution_id)
        states = await client.read_flow_run_states(run_id)
        texts[f"Prefect's states of {name}"] = "\n".join(state.model_dump_json() for state in states)
        texts[f"Prefect's log of {name}"] = await prefect_log(services, execution_id)
    return texts


async def prefect_log(services: Services, execution_id: str) -> str:
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[uuid.UUID(execution_id)]))
    return "\n".join(each.message for each in await services.engine.client.read_logs(wanted))
