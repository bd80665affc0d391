"""What keeps the stand busy: tasks of all kinds, and people who use them through the API and through Prefect."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SCHEDULES = ("*/5 * * * * *", "*/10 * * * * *", "*/15 * * * * *", "*/20 * * * * *", "@every 7s", "3/10 * * * * *")
OVERLAPS = ("skip", "queue", "cancel_running")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A task as it is asked for, and its name in the work's own logs."""

    name: str
    body: Mapping[str, Any]


def wanted_tasks(work: Path, web: str, seed: int, many: int) -> Sequence[Wanted]:
    """Tasks of all kinds and overlaps; two thirds of them, every http task too, fire by themselves, all by hand."""
    chance = random.Random(seed)
    tasks = []
    for number in range(many):
        name = f"task-{number:02}"
        kind, group = number % 3, number // 3
        overlap = OVERLAPS[(group + group // 3) % 3] if kind == 2 else OVERLAPS[kind]
        schedules = (SCHEDULES[number % len(SCHEDULES)], "0 0 0 29 2 ?", f"{3 * group % 30}/30 * * * * *")
        body: dict[str, Any] = {
            "name": name,
            "schedule": schedules[kind],
            "type": "function",
            "metadata": {"overlap": overlap, "timeout": "30s", "max_retries": 1, "retry_interval": "1s", "tags": []},
        }
        if kind == 2:
            paths = ("quick", "slow", "broken")
            body |= {"type": "http", "config": {"url": f"{web}/{paths[group % 3]}", "timeout": "10s"}}
        else:
            function = ("steady", "grinding", "steady", "moody")[number % 4]
            seconds = round(chance.uniform(0.3, 6), 1)
            parameters = {"file": str(work / f"{name}.log"), "seconds": seconds}
            body["config"] = {"function_name": function, "module": "chaos", "parameters": parameters}
        tasks.append(Wanted(name, body))
    return tasks


@asynccontextmanager
async def web_server(requests: Path) -> AsyncIterator[str]:
    """Something for http tasks to call: quick, slow and broken. Writes down which attempt asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            headers = dict(line.lower().split(": ", 1) for line in request.decode().split("\r\n")[1:-2])
            with requests.open("a") as file:
                file.write(f"{headers['x-scheduler-execution-id']} {headers['x-scheduler-attempt']}\n")
            path = request.split()[1].decode()
            await asyncio.sleep(3 if path == "/slow" else 0.05)
            status = "500 Broken" if path == "/broken" else "200 OK"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".encode())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@dataclass
class Users:
    """They run, stop, pause and resume tasks at either facade and in Prefect, and don't mind being refused."""

    facades: Sequence[str]
    token: str
    prefect_url: str
    prefect_auth: str
    """`user:password`."""
    seed: int
    did: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    async def create(self, wanted: Sequence[Wanted]) -> Mapping[str, str]:
        """Create the tasks; returns their ids by name."""
        ids: dict[str, str] = {}
        async with self._web(timeout_seconds=120) as web:
            for number, task in enumerate(wanted):
                ids[task.name] = await self._create(web, f"{self.facades[number % 2]}/tasks", task)
        return ids

    @staticmethod
    async def _create(web: httpx.AsyncClient, tasks: str, task: Wanted) -> str:
        """On a busy machine Prefect may take too long, which is a 503, and the task may be there all the same."""
        for _ in range(10):
            answer = await web.post(tasks, json=task.body)
            if answer.status_code == httpx.codes.CONFLICT:
                found = (await web.get(tasks, params={"q": task.name})).raise_for_status().json()["tasks"]
                return str(next(each["id"] for each in found if each["name"] == task.name))
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(1)
        return str(answer.raise_for_status().json()["id"])

    async def use(self, ids: Sequence[str], pause_seconds: float) -> None:
        """Until cancelled."""
        chance = random.Random(self.seed + 1)
        actions = ["execute"] * 12 + ["stop then resume", "pause then resume", "run in Prefect", "cancel in Prefect"]
        async with self._web() as web:
            while True:
                action, task_id = chance.choice(actions), chance.choice(ids)
                facade = chance.choice(self.facades)
                await asyncio.sleep(chance.uniform(0, 2 * pause_seconds))
                self.did[action] += 1
                try:
                    await self._do(web, action, facade, task_id)
                except httpx.HTTPError as error:
                    self.answers[type(error).__name__] += 1

    async def switch(self, ids: Sequence[str], verb: str) -> None:
        """Do the same to every task, until all have taken it."""
        async with self._web() as web:
            for number, task_id in enumerate(ids):
                for _ in range(60):
                    with contextlib.suppress(httpx.HTTPError):
                        answer = await web.post(f"{self.facades[number % 2]}/tasks/{task_id}/{verb}")
                        if answer.is_success:
                            break
                    await asyncio.sleep(1)

    async def _do(self, web: httpx.AsyncClient, action: str, facade: str, task_id: str) -> None:
        if action == "execute":
            self._note(await web.post(f"{facade}/tasks/{task_id}/execute", json={}))
        elif action in {"stop then resume", "pause then resume"}:
            self._note(await web.post(f"{facade}/tasks/{task_id}/{action.split()[0]}"))
            await asyncio.sleep(1)
            self._note(await web.post(f"{facade}/tasks/{task_id}/resume"))
        else:
            await self._in_prefect(web, action, task_id)

    async def _in_prefect(self, web: httpx.AsyncClient, action: str, task_id: str) -> None:
        body: dict[str, Any] = {"deployments": {"name": {"any_": [task_id]}}}
        auth = httpx.BasicAuth(*self.prefect_auth.split(":", 1))
        found = (await web.post(f"{self.prefect_url}/deployments/filter", json=body, auth=auth)).json()
        if not found:
            return
        if action == "run in Prefect":
            url = f"{self.prefect_url}/deployments/{found[0]['id']}/create_flow_run"
            self._note(await web.post(url, json={}, auth=auth))
            return
        body |= {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
        for flow_run in (await web.post(f"{self.prefect_url}/flow_runs/filter", json=body, auth=auth)).json():
            state = {"state": {"type": "CANCELLING"}}
            url = f"{self.prefect_url}/flow_runs/{flow_run['id']}/set_state"
            self._note(await web.post(url, json=state, auth=auth))

    def _note(self, answer: httpx.Response) -> None:
        self.answers[str(answer.status_code)] += 1

    def _web(self, timeout_seconds: float = 15) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"Authorization": f"Bearer {self.token}"}, timeout=timeout_seconds)
