"""The engine's events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from falcon_scheduler.core.domain.run import RunPhase


class ChangeKind(StrEnum):
    """The object of an event."""

    RUN = "run"
    """A run entered another phase."""
    DEPLOYMENT = "deployment"
    """A deployment was created or changed."""
    DEPLOYMENT_REMOVED = "deployment_removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One event: the kind and the engine's id. The present state has to be read."""

    kind: ChangeKind
    id: str
    phase: RunPhase | None = None
    """The phase that a run entered, if the event contains no more."""


class ChangeFeed(Protocol):
    """The engine's event stream. Not complete: a sweep makes up for lost events."""

    def changes(self) -> AsyncIterator[Change]:
        """Events until the connection is lost, which raises `Unavailable`; call again to continue."""
        ...
