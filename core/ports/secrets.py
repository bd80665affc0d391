"""Secrets that a task's config names by reference."""

from __future__ import annotations

from typing import Protocol

from falcon_scheduler.core.errors import SchedulerError


class SecretMissing(SchedulerError):
    """There is no Secret block of this name, or its value is no text."""

    code = "secret_missing"
    retryable = False

    def __init__(self, name: str) -> None:
        super().__init__(f"No Secret block named {name!r} holds a text in Prefect")


class SecretReader(Protocol):
    """Reads secrets."""

    async def read(self, name: str) -> str:
        """The text of the Secret block.

        Raises:
            SecretMissing: there is none, or its value is no text.
        """
        ...
