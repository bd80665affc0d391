"""Parameters of the system tasks that keep house. Source: eve-modules, "System tasks in GF against SEED"."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from falcon_scheduler.adapters.system_tasks import GoDuration, Parameters


class HealthCheckParameters(Parameters):
    """Of `health_check`."""

    timeout: Annotated[GoDuration, Field(gt=timedelta(), le=timedelta(seconds=50))] = timedelta(seconds=30)
    """How long each component may take to answer."""


class StateCleanupParameters(Parameters):
    """Of `state_cleanup`."""

    retention_hours: Annotated[int, Field(ge=1, le=24 * 365)] = 24
    """Age past which a state without a valid expiry is removed."""


class TaskCleanupParameters(Parameters):
    """Of `task_cleanup`."""

    retention_days: Annotated[int | None, Field(ge=1, le=3650)] = None
    """Age past which finished executions are removed; `SCHEDULER_RETENTION` when not given."""
