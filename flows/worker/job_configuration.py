"""What a deployment or a work pool may say about the runs of a warm worker: Prefect's job variables.

The form is that of Prefect's process worker, so that a pool or a deployment made for one fits the other.
"""

from __future__ import annotations

from pathlib import Path

from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorkerResult
from pydantic import Field


class WarmJobConfiguration(BaseJobConfiguration):
    """The variables of one run, filled in."""

    stream_output: bool = Field(default=True)
    working_dir: Path | None = Field(default=None)
    memory_limit_mb: int | None = Field(default=None)

    @staticmethod
    def _base_flow_run_command() -> str:
        return ""  # no command: the run is forked


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
