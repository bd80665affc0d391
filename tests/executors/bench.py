"""A registry over a real sender, and contexts to execute with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon_scheduler.adapters.http.guard import AddressGuard
from falcon_scheduler.adapters.http.sender import HttpSender
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.ports import SecretMissing
from falcon_scheduler.flows.executors.registry import Registry


class SecretsOfTheTest:
    """Secret blocks that stand in a dictionary."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    async def read(self, name: str) -> str:
        if name not in self.values:
            raise SecretMissing(name)
        return self.values[name]


@dataclass
class Bench:
    """Executes tasks as a run would, and keeps what they reported on the way."""

    registry: Registry
    secrets: dict[str, str] = field(default_factory=dict)
    told: list[tuple[int, int | None, str]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)

    def context(
        self,
        config: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> WorkContext:
        async def progress(done: int, total: int | None = None, text: str = "") -> None:
            self.told.append((done, total, text))

        log = logging.Logger("execution")
        handler = logging.Handler()
        handler.emit = lambda record: self.logged.append(record.getMessage())  # type: ignore[method-assign]
        log.addHandler(handler)
        return WorkContext(
            task_id="5e0c7a0e-0000-4000-8000-000000000001",
            task_name="A task",
            execution_id="5e0c7a0e-0000-4000-8000-000000000002",
            attempt=1,
            config=config,
            parameters=parameters or {},
            deadline_at=datetime.now(UTC) + timedelta(minutes=5),
            scheduled_for=None,
            fencing_token=7,
            cancelled=cancelled,
            log=log,
            progress=progress,
        )

    async def run(self, task_type: str, config: Mapping[str, Any], **parameters: Any) -> TaskResult:
        value = self.registry.executor_for(task_type).execute(self.context(config, parameters))
        return TaskResult.of(await value)  # type: ignore[misc]

    def faults(self, task_type: str, config: Mapping[str, Any], **parameters: Any) -> dict[str, str]:
        return {
            fault.location: fault.message for fault in self.registry.faults(task_type, config, parameters or None)
        }


def bench_allowing(*allowed: str) -> Bench:
    """A registry whose tasks may call these addresses besides the public ones."""
    secrets = SecretsOfTheTest({})
    sender = HttpSender(AddressGuard(allowed), user_agent="falcon-scheduler/test")
    return Bench(Registry(sender=sender, secrets=secrets), secrets.values)
