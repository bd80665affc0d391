"""Alerts about the service itself: the code that finds a failing part opens one, and resolves it afterwards.

At most one alert of a kind and part is open, for any number of facades and calls. While one of
`core.domain.alert.DEGRADING` is open, `/status` of every facade is `degraded` and contains its text.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace

from falcon_scheduler.core.domain.alert import DEGRADING, Alert, AlertKind, Subject, key_of
from falcon_scheduler.core.ports import Clock, PageRequest
from falcon_scheduler.core.ports.alerts import AlertFilter, AlertStore

logger = logging.getLogger(__name__)


class ServiceAlerts:
    """Safe to use from any number of facades at the same time. Every method may raise `Unavailable`."""

    def __init__(self, *, alerts: AlertStore, clock: Clock, channels: Sequence[str]) -> None:
        """`channels` names who is sent each alert."""
        self._alerts = alerts
        self._clock = clock
        self._channels = tuple(channels)

    async def open(self, kind: AlertKind, text: str, part: str = "") -> None:
        """Open the alert of this kind and part, unless it is open. One that is open takes the new text, silently.

        Args:
            kind: one of `core.domain.alert.SERVICE_KINDS`.
            text: what is wrong, a sentence for people without any secret.
            part: which part of the service, empty for the whole; a stable name, it is part of the alert's key.
        """
        alert = Alert(
            id=uuid.uuid4().hex, kind=kind, subject=Subject(part=part), text=text, opened_at=self._clock.now()
        )
        present = await self._present(kind, part)
        if present is not None:
            if present.text != text:
                await self._alerts.change(present.id, lambda each: replace(each, text=text))
            return
        if await self._alerts.open(alert.announced_to(self._channels)):
            logger.warning("Alert %s opened%s: %s", kind, f" for {part!r}" if part else "", text)

    async def resolve(self, kind: AlertKind, text: str, part: str = "") -> None:
        """Resolve the alert of this kind and part, if it is open; `text` describes the end."""
        present = await self._present(kind, part)
        if present is None:
            return
        if await self._alerts.change(present.id, lambda each: each.recovered(self._clock.now(), text)) is not None:
            logger.info("Alert %s%s recovered: %s", kind, f" of {part!r}" if part else "", text)

    async def opened(self, kinds: Collection[AlertKind] = DEGRADING) -> Sequence[Alert]:
        """Those of these kinds that are open, the one opened first at the front."""
        return await self._alerts.opened_of(kinds)

    async def problems(self) -> Sequence[str]:
        """The texts of the open alerts of a degraded service. The presence of a worker is checked on each call."""
        return [each.text for each in await self.opened(DEGRADING - {AlertKind.NO_WORKER})]

    async def latest(self, kinds: Collection[AlertKind]) -> Sequence[Alert]:
        """The one of each kind that was opened last, open or not, where there is one."""
        one = PageRequest(size=1)
        pages = [await self._alerts.list(AlertFilter(kind=kind), one) for kind in kinds]
        return [alert for page in pages for alert in page.items]

    async def _present(self, kind: AlertKind, part: str) -> Alert | None:
        key = key_of(kind, part)
        return next((each for each in await self._alerts.opened_of([kind]) if each.key == key), None)
