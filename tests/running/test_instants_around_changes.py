"""No edit, switch or reload loses or doubles an instant that was due by the schedule in force at it.

Many tasks at once, each with one instant of its own and a change some moments before or after it. What ran is read
from the work's own file. A longer trial, at moments spread over two seconds before and one after:

    ROUNDS=20 .venv/bin/python -m pytest tests/running/test_instants_around_changes.py
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient

from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.domain.task_definition import Overlap
from falcon_scheduler.core.services.tasks.fire_times import due_between
from tests.conftest import ADMIN, Scheduler, wait_until

LEAD = timedelta(seconds=10)
SETTLED = timedelta(seconds=8)
"""How long after its instant a run would have begun on a slow machine."""

pytestmark = pytest.mark.usefixtures("worker")


def stamped(file: Path) -> list[datetime]:
    lines = file.read_text().splitlines() if file.exists() else []
    return sorted(datetime.fromisoformat(line) for line in lines)


def at(instant: datetime, *, hours: str = "") -> str:
    """A schedule of this instant alone, or of other hours of its day."""
    return f"{instant.second} {instant.minute} {hours or instant.hour} {instant.day} {instant.month} ?"


async def sleep_until(instant: datetime) -> None:
    await asyncio.sleep(max((instant - datetime.now(UTC)).total_seconds(), 0))


@dataclass
class Trial:
    """One task, and what happens to it around its instant."""

    scheduler: Scheduler
    folder: Path
    name: str
    instant: datetime
    task: Task | None = None

    @property
    def file(self) -> Path:
        return self.folder / self.name.replace(" ", "-")

    @property
    def id(self) -> str:
        assert self.task is not None
        return self.task.id

    @property
    def deployment_id(self) -> UUID:
        assert self.task is not None
        return UUID(self.task.deployment_id)

    @property
    def client(self) -> PrefectClient:
        return self.scheduler.services.engine.client

    @property
    def config(self) -> dict[str, object]:
        return {"function_name": "stamping", "module": "tests", "parameters": {"file": str(self.file)}}

    async def create(self, schedule: str = "") -> None:
        self.task = await self.scheduler.task(schedule=schedule or at(self.instant), config=self.config)

    async def create_of_another_type(self) -> None:
        config = {"url": "http://127.0.0.1:9/"}
        self.task = await self.scheduler.task("http", schedule=at(self.instant), config=config, max_retries=0)

    async def update(self, **changes: object) -> None:
        await self.scheduler.services.tasks.update(self.id, changes, ADMIN)

    async def pause(self) -> None:
        await self.scheduler.services.tasks.pause(self.id, ADMIN)

    async def resume(self) -> None:
        await self.scheduler.services.tasks.resume(self.id, ADMIN)

    async def expected(self) -> list[datetime]:
        """What the task itself remembers to have been due."""
        task = await self.scheduler.services.tasks.get(self.id)
        return due_between(task, self.instant - LEAD, self.instant + SETTLED, 100)


Change = Callable[[Trial], Awaitable[object]]


async def describe_anew(trial: Trial) -> None:
    await trial.update(description="Described anew")


async def move_to_another_queue(trial: Trial) -> None:
    await trial.update(priority=Priority.HIGH, tags=("moved",))


async def say_the_same_otherwise(trial: Trial) -> None:
    await trial.update(schedule=at(trial.instant, hours=f"{trial.instant.hour},{_another_hour(trial)}"))


async def name_another_instant(trial: Trial) -> None:
    await trial.update(schedule=at(trial.instant, hours=str(_another_hour(trial))))


def _another_hour(trial: Trial) -> int:
    return (trial.instant.hour + 12) % 24


async def change_the_config(trial: Trial) -> None:
    assert trial.task is not None
    await trial.update(timeout=timedelta(minutes=1), config=dict(trial.task.definition.config))


async def change_the_type(trial: Trial) -> None:
    """Another type is another flow in Prefect, and so another deployment."""
    await trial.update(type="function", config=trial.config)


async def pause_and_resume(trial: Trial) -> None:
    await trial.pause()
    await trial.resume()


async def disable_and_enable(trial: Trial) -> None:
    await trial.scheduler.services.tasks.disable(trial.id, ADMIN)
    await trial.scheduler.services.tasks.enable(trial.id, ADMIN)


async def disable(trial: Trial) -> None:
    await trial.scheduler.services.tasks.disable(trial.id, ADMIN)


async def pause_in_prefect(trial: Trial) -> None:
    await trial.client.pause_deployment(trial.deployment_id)


async def describe_in_prefect(trial: Trial) -> None:
    path = {"id": str(trial.deployment_id)}
    await trial.client.request("PATCH", "/deployments/{id}", path_params=path, json={"description": "By hand"})


async def deploy_in_prefect(trial: Trial) -> None:
    """What `prefect deploy` does: the whole deployment again, with schedules of new ids."""
    path = {"id": str(trial.deployment_id)}
    deployment = (await trial.client.request("GET", "/deployments/{id}", path_params=path)).json()
    sent = ("name", "flow_id", "description", "tags", "parameters", "entrypoint", "work_pool_name", "work_queue_name")
    body = {field: deployment[field] for field in sent}
    body["schedules"] = [
        {"slug": each["slug"], "active": each["active"], "schedule": each["schedule"]}
        for each in deployment["schedules"]
    ]
    await trial.client.request("POST", "/deployments/", json=body)


async def reload(trial: Trial) -> None:
    await describe_in_prefect(trial)
    await trial.scheduler.services.reconcile.reload()


BEFORE: list[Change] = [
    describe_anew,
    move_to_another_queue,
    say_the_same_otherwise,
    name_another_instant,
    change_the_config,
    change_the_type,
    pause_and_resume,
    disable_and_enable,
    describe_in_prefect,
    deploy_in_prefect,
    reload,
]
AFTER: list[Change] = [name_another_instant, Trial.pause, disable, pause_in_prefect, describe_anew, deploy_in_prefect]
OFFSETS_BEFORE = (-1.2, -0.3)
OFFSET_AFTER = 0.05


ROUNDS = int(os.environ.get("ROUNDS", "0"))


def longer_trial() -> list[tuple[Change, float]]:
    """Offsets of all changes, by chance and the same each time."""
    chance = random.Random(12)
    before = [(change, chance.uniform(-2, 0)) for _ in range(ROUNDS) for change in BEFORE]
    return before + [(change, chance.uniform(0, 1)) for _ in range(ROUNDS) for change in AFTER]


async def test_a_change_around_a_due_instant_neither_loses_nor_doubles_it(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    planned = [(change, offset) for change in BEFORE for offset in OFFSETS_BEFORE]
    planned += [(change, OFFSET_AFTER) for change in AFTER]
    planned += longer_trial()
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=15 + len(planned) // 5)

    async def play(number: int, change: Change, offset: float) -> Trial:
        instant = first + timedelta(seconds=number // 3)
        trial = Trial(scheduler, tmp_path, f"{change.__name__} {offset} {number}", instant)
        await (trial.create_of_another_type() if change is change_the_type else trial.create())
        await sleep_until(instant + timedelta(seconds=offset))
        await change(trial)
        await sleep_until(instant + SETTLED)
        return trial

    trials = await asyncio.gather(*(play(number, *each) for number, each in enumerate(planned)))
    await judge(trials)


async def judge(trials: list[Trial]) -> None:
    async def wrong() -> dict[str, str]:
        found = {}
        for trial in trials:
            ran, due = stamped(trial.file), await trial.expected()
            if ran != due:
                found[trial.name] = f"ran {[f'{each:%S}' for each in ran]}, due {[f'{each:%S}' for each in due]}"
        return found

    async def as_expected() -> bool:
        return not await wrong()

    try:
        await wait_until(as_expected, "every due instant ran once", 15)
    except AssertionError:
        pytest.fail(f"of {len(trials)} trials: {await wrong()}")


async def test_a_task_created_just_before_its_first_instant_fires(scheduler: Scheduler, tmp_path: Path) -> None:
    async def play(number: int) -> Trial:
        instant = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3 + number // 2)
        trial = Trial(scheduler, tmp_path, f"created {number}", instant)
        await sleep_until(instant - timedelta(seconds=0.4 + 0.2 * number))
        await trial.create()
        return trial

    trials = await asyncio.gather(*(play(number) for number in range(8)))
    await judge(trials)


async def test_a_task_edited_every_second_keeps_firing(scheduler: Scheduler, tmp_path: Path) -> None:
    began_at = datetime.now(UTC)
    described, moved = (Trial(scheduler, tmp_path, name, began_at) for name in ("description", "schedule"))
    for trial in (described, moved):
        await trial.create(schedule="*/2 * * * * *")
        await trial.update(overlap=Overlap.QUEUE)  # a slow machine may need longer than two seconds for a run
    while datetime.now(UTC) < began_at + timedelta(seconds=24):
        number = datetime.now(UTC).microsecond
        await asyncio.gather(
            described.update(description=f"Edited at {number}"),
            moved.update(schedule="*/2 * * * * *" if number % 2 else "1/2 * * * * *"),
            asyncio.sleep(1),
        )
    due = {}
    for trial in (described, moved):
        await trial.pause()
        task = await scheduler.services.tasks.get(trial.id)
        due[trial.name] = due_between(task, began_at - LEAD, datetime.now(UTC) + LEAD, 100)
        assert len(due[trial.name]) >= 5

    async def all_ran() -> bool:
        return all(set(due[trial.name]) <= set(stamped(trial.file)) for trial in (described, moved))

    with suppress(AssertionError):
        await wait_until(all_ran, "every instant ran")
    for trial in (described, moved):
        assert stamped(trial.file) == due[trial.name], trial.name
