"""Shapes of workers."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from falcon_scheduler.api_facade.schemas.common import ResponseShape


class WorkerResponse(ResponseShape):
    """A worker whose heartbeats arrive."""

    name: str
    slots: Annotated[int, Field(description="How many executions it takes at once, besides http tasks.")]


class WorkforceResponse(ResponseShape):
    """The workers of our pool."""

    workers: list[WorkerResponse]
    slots: Annotated[int, Field(description="How many executions all of them take at once, besides http tasks.")]
    is_paused: Annotated[bool, Field(description="Whether the pool is paused in Prefect: nothing is started then.")]
    problem: Annotated[str | None, Field(description="Why nothing can run; left out when something can.")] = None
