"""The store of alerts, the channels for their messages, and the runs that the rules need."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from falcon_scheduler.core.domain.alert import Alert, AlertKind, AlertState, Message
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports.paging import Page, PageRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts; a field that is None does not narrow."""

    state: AlertState | None = None
    kind: AlertKind | None = None
    task_id: str | None = None


class AlertStore(Protocol):
    """Where alerts live. Each write is one document, whole or not at all."""

    async def open(self, alert: Alert) -> bool:
        """Store a new alert unless one of its key is open. Returns whether it was stored."""
        ...

    async def change(self, alert_id: str, change: Callable[[Alert], Alert]) -> Alert | None:
        """Apply a pure function to the alert as it is now and store the result.

        `change` is called again when another process changed the alert in between. Returns what was stored now, or
        None when the result equals the stored alert (another process was quicker), or the alert is gone.
        """
        ...

    async def opened(self, task_ids: Collection[str] | None = None) -> Sequence[Alert]:
        """Those that are open now, of these tasks or of all and of the service."""
        ...

    async def opened_of(self, kinds: Collection[AlertKind]) -> Sequence[Alert]:
        """Those of these kinds that are open now, the one opened first at the front."""
        ...

    async def due(self, channel: str, now: datetime, limit: int) -> Sequence[Alert]:
        """Those with a due message for the channel, the longest waiting first."""
        ...

    async def waiting_channels(self) -> Sequence[str]:
        """The channels for which anything waits."""
        ...

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Page[Alert]:
        """Sorted by `opened_at`, newest first, then by id."""
        ...

    async def forget(self, recovered_before: datetime) -> int:
        """Remove alerts that are over for so long, sent or not; returns how many."""
        ...


class RunHistory(Protocol):
    """What alerts are judged by: the tasks, and the latest runs of one."""

    def tasks(self) -> AsyncIterator[Task]:
        """Every task, without its config, in any order and in one read."""
        ...

    async def latest_ended(self, task_id: str, limit: int) -> Sequence[Execution]:
        """Those that began last of the ended ones, the newest first, without their output."""
        ...


class AlertChannel(Protocol):
    """A way to send a message."""

    @property
    def name(self) -> str:
        """Unique, and fit for a task's `alerts.channels`."""
        ...

    async def send(self, message: Message) -> None:
        """Send the message, within seconds. Repeatable: receivers recognise a message by its id.

        Raises:
            DeliveryFailed: it was not taken; the message has the reason and no secret.
        """
        ...
