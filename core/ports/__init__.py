"""What the services need from the world, as protocols. Adapters implement these; only this room has the contracts.

Every method may raise `core.errors.Unavailable` when the server does not answer. A method may be repeated safely
unless its docstring excludes it.
"""

from __future__ import annotations

from falcon_scheduler.core.ports.audit import AuditFilter, AuditStore
from falcon_scheduler.core.ports.catalog import ExecutorCatalog, SharesProcess
from falcon_scheduler.core.ports.changes import Change, ChangeFeed, ChangeKind
from falcon_scheduler.core.ports.clock import Clock
from falcon_scheduler.core.ports.deployments import Deployments
from falcon_scheduler.core.ports.health import Health, HealthProbe
from falcon_scheduler.core.ports.locks import Lease, Lock, LockService
from falcon_scheduler.core.ports.own_run import OwnRun
from falcon_scheduler.core.ports.paging import ExecutionFilter, Page, PageRequest, Position, TaskCounts, TaskFilter
from falcon_scheduler.core.ports.plans import PlannerProbe, Plans
from falcon_scheduler.core.ports.runs import Runs, UnreadableRuns
from falcon_scheduler.core.ports.secrets import SecretMissing, SecretReader
from falcon_scheduler.core.ports.stores import Beginning, ExecutionStore, TaskStore, Watermark, Work

__all__ = [
    "AuditFilter",
    "AuditStore",
    "Beginning",
    "Change",
    "ChangeFeed",
    "ChangeKind",
    "Clock",
    "Deployments",
    "ExecutionFilter",
    "ExecutionStore",
    "ExecutorCatalog",
    "Health",
    "HealthProbe",
    "Lease",
    "Lock",
    "LockService",
    "OwnRun",
    "Page",
    "PageRequest",
    "PlannerProbe",
    "Plans",
    "Position",
    "Runs",
    "SecretMissing",
    "SecretReader",
    "SharesProcess",
    "TaskCounts",
    "TaskFilter",
    "TaskStore",
    "UnreadableRuns",
    "Watermark",
    "Work",
]
