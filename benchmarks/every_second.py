"""Ten tasks, one of them firing each second, on the whole product: what fired, what was missed, what fired twice.

    python -m benchmarks.every_second                                       # thirty minutes
    python -m benchmarks.every_second --minutes 2 --schedule '* * * * * *'  # each of them every second

The script starts everything: servers, facade, one worker. The tasks are made through the API. Afterwards Prefect's
runs and MongoDB's executions are matched to the instants that the schedule names, each instant of each task.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
)
from prefect.client.schemas.objects import FlowRun

from benchmarks.worker_stage import Stage, cpu_seconds, load, machine, percentile, servers, set_stage, token
from falcon_scheduler.core.domain.schedule import Schedule, parse

PARTS = {"postgres", "valkey", "mongo", "prefect", "facade", "worker"}
SETTLING = timedelta(seconds=15)
"""The server plans ahead first; instants that were due in this time are not counted."""
PATIENCE = timedelta(minutes=3)
PAGE = 200


@dataclass
class Tally:
    """What became of the instants."""

    due: int = 0
    planned: int = 0
    doubled: int = 0
    """Instants for which Prefect holds more than one run, or the history more than one execution."""
    ended: Counter[str] = field(default_factory=Counter)
    """Runs by the name of their last state. Skipped: left out by the overlap rule, the one before was at work."""
    lateness_seconds: list[float] = field(default_factory=list)
    recorded: int = 0
    """Executions in the history, of which each is of a due instant."""


async def main(minutes: float, tasks: int, expression: str) -> None:
    """Run, match and print."""
    say(machine())
    say(load())
    expressions = [expression.replace("N", str(number)) for number in range(tasks)]
    shown = ", ".join(dict.fromkeys(expressions))
    say(f"{tasks} tasks on {shown} for {minutes:g} minutes, one worker with its default of 10 slots")
    async with set_stage(PARTS) as stage, api(stage) as http:
        ids = [await make(http, number, own) for number, own in enumerate(expressions)]
        deployments = {each.parameters.get("task_id"): each.id for each in await stage.client.read_deployments()}
        made = [(task_id, deployments[task_id]) for task_id in ids]
        since = datetime.now(UTC).replace(microsecond=0) + SETTLING
        until = since + timedelta(minutes=minutes)
        await asyncio.sleep((since - datetime.now(UTC)).total_seconds())
        spent = {name: cpu_seconds(process) for name, process in servers(stage, PARTS).items()}
        await asyncio.sleep((until - datetime.now(UTC)).total_seconds())
        spent = {name: cpu_seconds(process) - spent[name] for name, process in servers(stage, PARTS).items()}
        say(load())
        for task_id, _ in made:
            (await http.post(f"/tasks/{task_id}/pause")).raise_for_status()
        await settled(http)
        tally = Tally()
        for (task_id, deployment_id), own in zip(made, expressions, strict=True):
            due = instants(parse(own), since, until)
            add(tally, await runs_of(stage.client, deployment_id, since, until), due)
            await add_history(tally, http, task_id, since, until)
    report(tally)
    say("CPU: " + ", ".join(f"{name} {seconds / (minutes * 60):.0%}" for name, seconds in sorted(spent.items())))


def say(line: str) -> None:
    """Print at once, also through a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@asynccontextmanager
async def api(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """The facade, as a super admin."""
    headers = {"Authorization": f"Bearer {await token(stage)}"}
    base = stage.stack.part("facade").url  # type: ignore[attr-defined]
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as http:
        yield http


async def make(http: httpx.AsyncClient, number: int, expression: str) -> str:
    """A task that echoes. Returns its id."""
    task = {
        "name": f"every second {number}",
        "type": "function",
        "schedule": expression,
        "config": {"function_name": "echo", "module": "builtin", "parameters": {"number": number}},
    }
    return str((await http.post("/tasks", json=task)).raise_for_status().json()["id"])


def instants(schedule: Schedule, since: datetime, until: datetime) -> list[datetime]:
    """What the schedule names in that time, its beginning included."""
    found = []
    instant = schedule.next_after(since - timedelta(seconds=1))
    while instant is not None and instant < until:
        found.append(instant)
        instant = schedule.next_after(instant)
    return found


async def settled(http: httpx.AsyncClient) -> None:
    """Wait until nothing of the tasks runs or waits."""
    deadline = datetime.now(UTC) + PATIENCE
    while datetime.now(UTC) < deadline:
        await asyncio.sleep(5)
        metrics = (await http.get("/stats")).json()
        if not metrics["running_tasks"] and not metrics["queue_size"]:
            return
    say("Not everything has ended in time; the counts below include what is unfinished")


async def runs_of(client: PrefectClient, deployment_id: UUID, since: datetime, until: datetime) -> list[FlowRun]:
    """Prefect's runs of those instants."""
    span = FlowRunFilterExpectedStartTime(after_=since, before_=until - timedelta(microseconds=1))
    chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(expected_start_time=span),
        deployment_filter=chosen,
        limit=PAGE,
        offset=len(found),
    ):
        found += page
    return found


def add(tally: Tally, runs: Sequence[FlowRun], due: Sequence[datetime]) -> None:
    """Match a task's runs to its instants."""
    at = Counter(run.expected_start_time for run in runs)
    tally.due += len(due)
    tally.planned += sum(instant in at for instant in due)
    tally.doubled += sum(count > 1 for count in at.values())
    tally.ended.update(str(run.state.name) if run.state else "?" for run in runs)
    tally.lateness_seconds += [
        (run.start_time - run.expected_start_time).total_seconds()
        for run in runs
        if run.state_name != "Skipped" and run.start_time and run.expected_start_time
    ]


async def add_history(tally: Tally, http: httpx.AsyncClient, task_id: str, since: datetime, until: datetime) -> None:
    """Count a task's executions of those instants, and instants that have two."""
    at: Counter[str] = Counter()
    page = 1
    while True:
        span = {"page": page, "page_size": 100}
        answer = (await http.get(f"/tasks/{task_id}/history", params=span)).raise_for_status().json()
        for execution in answer["executions"]:
            due_at = execution["metadata"].get("scheduled_for")
            if due_at and since <= datetime.fromisoformat(due_at) < until:
                at[due_at] += 1
        if len(answer["executions"]) < span["page_size"]:
            break
        page += 1
    tally.recorded += len(at)
    tally.doubled += sum(count > 1 for count in at.values())


def report(tally: Tally) -> None:
    """Print what became of the instants."""
    late = tally.lateness_seconds
    say(f"  due       {tally.due}")
    say(f"  planned   {tally.planned} by Prefect, {tally.due - tally.planned} never")
    say(f"  fired     {dict(tally.ended)}; {tally.due - sum(tally.ended.values())} instants without a run")
    say(f"  recorded  {tally.recorded} executions in the history")
    say(f"  doubled   {tally.doubled}")
    if late:
        figures = ", ".join(f"p{share} {percentile(late, share) * 1000:.0f} ms" for share in (50, 95, 99, 100))
        say(f"  lateness  {figures}; {sum(each < 0 for each in late)} early")


if __name__ == "__main__":
    logging.getLogger("httpx").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(description="Ten tasks, one of them firing each second.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--schedule", default="N/10 * * * * *", help="N is replaced by the task's number, 0 to 9")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.minutes, chosen.tasks, chosen.schedule))
