"""What a plug-in brings: system tasks, and around them probes, duties, settings and a demo. All but the tasks is
optional. The values are data and functions; nothing of a plug-in is called before it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from falcon_scheduler.adapters.system_tasks.parameters import Parameters
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.domain.task import SYSTEM_ID_PREFIX
from falcon_scheduler.core.domain.task_definition import TaskDefinition, TaskType
from falcon_scheduler.core.domain.work import WorkContext

if TYPE_CHECKING:  # what these hold is read after the plug-ins are loaded
    from redis.asyncio import Redis

    from falcon_scheduler.adapters.mongo.client import Database
    from falcon_scheduler.adapters.mongo.go_falcon.findings import Finding
    from falcon_scheduler.adapters.probes import Probe
    from falcon_scheduler.adapters.settings import Group, Settings
    from falcon_scheduler.core.ports import Clock
    from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
    from falcon_scheduler.core.services.duty import Duty


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the functions of a plug-in may use. Nothing is connected before it is first asked."""

    settings: Settings
    database: Database
    redis: Redis | None
    """May be away, or None in a test: locks and caches that it holds are hints."""
    clock: Clock


Work = Callable[[Any, WorkContext, World], Awaitable[object]]
"""Validated parameters, the attempt and the world in; a `TaskResult`, or whatever `TaskResult.of` reads, out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemTask:
    """A system task as code defines it. An operator may enable, disable, pause and run it, and change nothing else.

    The bounds are those of every task, see docs/api.md. The schedule has six fields and is read in UTC.
    """

    id: str
    """`system-`, then lower-case words with `-` between them. It never changes: the history hangs on it."""
    name: str
    """Unique among all tasks."""
    schedule: str
    work: Work
    """An async function. It is cancelled when the attempt's time is up."""
    description: str = ""
    parameters: type[BaseModel] = Parameters
    """What a request to run the task is checked against."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Parameters as they are shown in the task's config: plain JSON values that `parameters` accepts."""
    tags: tuple[str, ...] = ("system",)
    priority: Priority = Priority.NORMAL
    max_retries: int = 3
    retry_interval: timedelta = timedelta(minutes=1)
    timeout: timedelta = timedelta(minutes=5)

    @property
    def task_name(self) -> str:
        """Its name in `config.task_name`: `system-health-check` is `health_check`."""
        return self.id.removeprefix(SYSTEM_ID_PREFIX).replace("-", "_")

    @property
    def definition(self) -> TaskDefinition:
        """The same as every task is defined."""
        return TaskDefinition(
            name=self.name,
            description=self.description,
            type=TaskType.SYSTEM,
            schedule=self.schedule,
            priority=Priority(self.priority),
            config={"task_name": self.task_name, "parameters": dict(self.defaults)},
            tags=tuple(self.tags),
            max_retries=self.max_retries,
            retry_interval=self.retry_interval,
            timeout=self.timeout,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A made-up outside world on loopback, which `falcon-scheduler up --demo NAME` plays beside the product."""

    name: str
    title: str
    """Name in messages."""
    command: Callable[[int], Sequence[str]]
    """Port to command line; the server listens there until SIGTERM."""
    environment: Callable[[str], Mapping[str, str]]
    """Its address to the settings with which the product uses it."""
    fill: Callable[[Database], Awaitable[None]]
    """Writes the data that the tasks work on. Called before every start; repeatable."""


def _no_probes(world: World) -> Sequence[Probe]:
    return ()


def _no_duties(world: World, alerts: ServiceAlerts) -> Sequence[Duty]:
    return ()


async def _nothing(world: World) -> None:
    """Nothing to prepare."""


async def _no_findings(world: World) -> AsyncIterator[Finding]:
    return
    yield  # what makes it an iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemTaskPlugin:
    """What an entry point of the group names."""

    tasks: Sequence[SystemTask]
    settings: Sequence[type[Group]] = ()
    """Read with the scheduler's own at the start; `world.settings.of(ShopSettings)` gives them."""
    only_runs_read: frozenset[str] = frozenset()
    """Variables, such as passwords, that the facade of the local stack is not given."""
    health_probes: Callable[[World], Sequence[Probe]] = _no_probes
    """Asked by `system-health-check`."""
    status_probes: Callable[[World], Sequence[Probe]] = _no_probes
    """Asked by `system-health-check` and by each `GET /status`: for what is near and answers at once."""
    prepare: Callable[[World], Awaitable[None]] = _nothing
    """Makes collections and indexes before the leading facade begins its duties; repeatable."""
    duties: Callable[[World, ServiceAlerts], Sequence[Duty]] = _no_duties
    """What the leading facade repeats, most often `Periodic(name, work, interval)`."""
    takeover_findings: Callable[[World], AsyncIterator[Finding]] = _no_findings
    """What `falcon-scheduler migrate go-falcon check` reports besides the scheduler's own documents."""
    demo: Demo | None = None
