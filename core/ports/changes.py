"""The engine's news."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from falcon_scheduler.core.domain.run import RunPhase


class ChangeKind(StrEnum):
    """What a piece of news is about."""

    RUN = "run"
    """A run entered another phase."""
    DEPLOYMENT = "deployment"
    """A deployment was created or changed."""
    DEPLOYMENT_REMOVED = "deployment_removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One piece of news: the kind and the engine's id. What is true now has to be asked for."""

    kind: ChangeKind
    id: str
    phase: RunPhase | None = None
    """Which phase a run entered, where that is all that the news says."""


class ChangeFeed(Protocol):
    """The engine's news as they happen. Not complete: a sweep makes up for what it misses."""

    def changes(self) -> AsyncIterator[Change]:
        """News until the connection is lost, which raises `Unavailable`; ask again to listen on."""
        ...
