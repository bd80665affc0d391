"""The job variables of a warm worker's runs, which a deployment, a work pool or a run sets.

The form is that of Prefect's process worker, so that a pool or a deployment made for one fits the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorkerResult
from pydantic import Field


class WarmJobConfiguration(BaseJobConfiguration):
    """The variables of one run, filled in."""

    stream_output: bool = Field(default=True)
    working_dir: Path | None = Field(default=None)
    memory_limit_mb: int | None = Field(default=None)

    def prepare_for_flow_run(self, flow_run: FlowRun, *args: Any, **options: Any) -> None:
        """See `BaseJobConfiguration`. Sets no command of Prefect's: the run is forked."""
        command = self.command
        super().prepare_for_flow_run(flow_run, *args, **options)
        self.command = command


class WarmVariables(BaseVariables):
    """The variables as the Prefect UI shows them."""

    stream_output: bool = Field(default=True, description="Show the output of runs in the worker's own output.")
    working_dir: Path | None = Field(
        default=None,
        title="Working Directory",
        description="Folder in which runs start. Left out, each run has a temporary one of its own.",
    )
    memory_limit_mb: int | None = Field(
        default=None,
        ge=64,
        title="Memory Limit (MB)",
        description="Private memory that one run may take. Left out, half of the machine's.",
    )


class WarmWorkerResult(BaseWorkerResult):
    """How a run's process ended."""
