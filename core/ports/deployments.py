"""What the engine holds of our tasks: a deployment of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import DeployedAs, Task


class Deployments(Protocol):
    """The engine's picture of our tasks: Prefect's deployments."""

    async def deploy(self, task: Task) -> DeployedAs:
        """Make the engine's picture of the task equal to ours and return what it holds now.

        Creates or replaces. Runs that are due or at work stay as they are; what was planned ahead is dropped, so
        `Plans.plan` follows.
        """
        ...

    async def remove(self, task: Task) -> None:
        """Remove the deployment and every run of it; nothing happens when it is gone."""
        ...

    async def remove_deployment(self, deployment_id: str) -> None:
        """Remove a deployment without a task, with its runs."""
        ...

    def all(self) -> AsyncIterator[Deployed]:
        """Every deployment of ours, and those of others that carry the adoption tag, as far as they can be read."""
        ...

    async def of_ids(self, deployment_ids: Sequence[str]) -> Sequence[Deployed]:
        """Those of the ids that are deployments of ours or carry the adoption tag, as far as they can be read."""
        ...

    async def is_there(self, deployment_id: str) -> bool:
        """Whether there is such a deployment, ours or tagged, readable or not."""
        ...

    async def was_removed(self, deployment_id: str) -> bool:
        """Whether somebody removed this deployment in the engine, as against it never having been there."""
        ...

    def fingerprint(self, task: Task) -> str:
        """The `DeployedAs.fingerprint` of a deployment that is equal to our picture of the task."""
        ...
