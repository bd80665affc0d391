"""When parts of the service were away, as far as it is stored: the evidence for instants that have no run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert import Alert, AlertKind
from falcon_scheduler.core.domain.explanation import Cause
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, PageRequest, Watermark
from falcon_scheduler.core.ports.alerts import AlertFilter, AlertStore
from falcon_scheduler.core.ports.ledger import LedgerStore, Outage
from falcon_scheduler.core.services.duty import Duty, Periodic

ALIVE = "alive"
NOTE_INTERVAL = timedelta(seconds=10)
SILENT_AFTER = timedelta(seconds=45)
"""After so long without a note of a leader the service counts as down."""
NOTICED_WITHIN = timedelta(seconds=45)
"""How long before its alert opened a part may have been away."""
BACK_WITHIN = timedelta(seconds=15)
"""How long after its alert recovered a part may not be at work yet."""
_MOST_ALERTS = 50
_AWAY = {"prefect": Cause.ENGINE_AWAY, "mongodb": Cause.STORE_AWAY}
_KINDS = (AlertKind.COMPONENT_AWAY, AlertKind.ENGINE_NOT_PLANNING)
WAITED_FOR = (Cause.NO_WORKER, Cause.POOL_PAUSED, Cause.QUEUE_PAUSED)
"""Runs wait until these are over, and none is missed."""
_ORDER = (Cause.SERVICE_DOWN, Cause.STORE_AWAY, Cause.ENGINE_AWAY, *WAITED_FOR, Cause.NOT_PLANNED)


class Outages:
    """Notes that the service is up, and finds from the gaps between notes when it was not."""

    def __init__(self, *, store: LedgerStore, alerts: AlertStore, watermark: Watermark, clock: Clock) -> None:
        self._store = store
        self._alerts = alerts
        self._watermark = watermark
        self._clock = clock
        self._noted_at: datetime | None = None
        self._refused_since: datetime | None = None

    def duty(self) -> Duty:
        """The note, as a duty."""
        return Periodic("note that the service is up", self.note, NOTE_INTERVAL, self.forget)

    def forget(self) -> None:
        """Another facade notes it now."""
        self._noted_at = self._refused_since = None

    async def note(self) -> None:
        """Note that a leader is at work, and store the gap since the last note. Raises `Unavailable`.

        A gap in which this process itself could not write is MongoDB's.
        """
        now = self._clock.now()
        try:
            noted_at = await self._watermark.read(ALIVE)
            if self._refused_since is not None:
                since = noted_at or self._refused_since
                await self._store.add_outage(Outage(cause=Cause.STORE_AWAY, since=since, until=now))
            elif noted_at is not None and now - noted_at > SILENT_AFTER:
                await self._store.add_outage(Outage(cause=Cause.SERVICE_DOWN, since=noted_at, until=now))
            await self._watermark.write(ALIVE, now)
        except Unavailable:
            self._refused_since = self._refused_since or self._noted_at or now
            raise
        self._noted_at, self._refused_since = now, None

    async def between(self, begin: datetime, end: datetime, *, queue: str = "") -> Sequence[Outage]:
        """The outages with a part in this time: stored ones, and those that alerts report.

        With `queue` also the times in which runs of this work queue waited because no worker took any, and none was
        missed.
        """
        stored = await self._store.outages(begin - NOTICED_WITHIN, end + NOTICED_WITHIN)
        found = [each for each in stored if each.cause not in WAITED_FOR or (queue and each.queue in {"", queue})]
        for kind in _KINDS:
            page = await self._alerts.list(AlertFilter(kind=kind), PageRequest(size=_MOST_ALERTS))
            found += [outage for alert in page.items if (outage := self._of(alert)) is not None]
        return [each for each in found if each.until >= begin and each.since < end]

    def _of(self, alert: Alert) -> Outage | None:
        part = alert.subject.part
        cause = _AWAY.get(part) if alert.kind is AlertKind.COMPONENT_AWAY else Cause.NOT_PLANNED
        if cause is None:
            return None
        until = alert.recovered_at + BACK_WITHIN if alert.recovered_at else self._clock.now()
        return Outage(cause=cause, since=alert.opened_at - NOTICED_WITHIN, until=until, text=alert.text)


def outage_at(instant: datetime, outages: Sequence[Outage]) -> Outage | None:
    """The outage that explains why nothing ran at an instant; of several the one that explains the others."""
    covering = [each for each in outages if each.since <= instant <= each.until]
    return min(covering, key=lambda each: _ORDER.index(each.cause), default=None)
