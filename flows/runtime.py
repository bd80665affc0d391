"""Composition root of a run's process: settings to everything that performing a task needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from falcon_scheduler.adapters.prefect.client import client_of_run
from falcon_scheduler.adapters.prefect.runs import PrefectRuns
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.wiring import Stores, build_stores, open_pulse_stores, open_stores, world_of
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.redaction import conceal
from falcon_scheduler.core.domain.work import Executor
from falcon_scheduler.core.ports import ExecutionStore, Lock, TaskStore
from falcon_scheduler.core.services.runs.overlap import OverlapRule
from falcon_scheduler.core.services.runs.pulse import Pulse
from falcon_scheduler.core.services.runs.running import TaskRunning
from falcon_scheduler.core.services.runs.shared_pulse import SharedPulse
from falcon_scheduler.flows.executors.registry import Registry
from falcon_scheduler.flows.executors.system import SystemExecutor
from falcon_scheduler.flows.rehearsal import rehearse


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What a run uses."""

    running: TaskRunning
    tasks: TaskStore
    executions: ExecutionStore
    pulse: Callable[[Execution, Lock | None, timedelta], AbstractAsyncContextManager[None]]


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings, read once per process (in a warm one, before the fork)."""
    return Settings.load_for_work()


@lru_cache(maxsize=1)
def load_registry() -> Registry:
    """Every registered executor and function, loaded once per process."""
    return Registry.load(load_settings())


_built: list[Stores] = []
"""The stores of this process, not connected yet, if they were built before the fork."""


def preload() -> None:
    """Read and import what runs need, in the process that warm runs are forked from.

    Keeps no connection open and starts no thread, since neither survives a fork. Plug-ins must not either.
    """
    load_registry()
    settings = load_settings()
    rehearse(settings)
    _built.append(build_stores(settings))


def forget() -> None:
    """Undo `preload` in a forked process whose environment differs from that of its parent."""
    load_settings.cache_clear()
    load_registry.cache_clear()
    _built.clear()


@asynccontextmanager
async def open_runtime(pulse: type[Pulse] | type[SharedPulse] = Pulse) -> AsyncIterator[Runtime]:
    """Open the stores and build the services. Connections are made at their first use.

    Args:
        pulse: `Pulse` where one run uses it, `SharedPulse` where many do at once.
    """
    settings = load_settings()
    async with open_stores(settings, _built.pop() if _built else None) as stores:
        yield Runtime(
            running=TaskRunning(
                tasks=stores.tasks,
                executions=stores.executions,
                counting=stores.counting,
                overlap=OverlapRule(
                    locks=stores.locks,
                    tasks=stores.tasks,
                    executions=stores.executions,
                    cancel=lambda execution_id: _cancel(execution_id, stores),
                    cancel_grace=settings.scheduler.cancel_grace,
                ),
                clock=stores.clock,
                executor_for=lambda task_type: _executor_for(task_type, settings, stores),
                conceal=conceal,
            ),
            tasks=stores.tasks,
            executions=stores.executions,
            pulse=pulse(lambda: open_pulse_stores(settings), stores.clock, settings.scheduler.cancel_grace),
        )


async def shared(deployment_ids: Sequence[str], tasks: TaskStore) -> Sequence[str]:
    """Those of the deployments whose task's runs may share a process. Raises `Unavailable`."""
    registry = load_registry()
    found = await tasks.of_deployments(deployment_ids)
    return [
        deployment_id
        for deployment_id, task in found.items()
        if registry.shares(task.definition.type, task.definition.config)
    ]


def _executor_for(task_type: str, settings: Settings, stores: Stores) -> Executor:
    if task_type == "system":
        return SystemExecutor(settings.system_tasks.tasks, world_of(settings, stores))
    return load_registry().executor_for(task_type)


async def _cancel(execution_id: str, stores: Stores) -> None:
    async with client_of_run() as client:
        await PrefectRuns(client, stores.clock).cancel(execution_id)
