"""When parts of the service were away, as far as it is stored: the evidence for instants that have no run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from falcon_scheduler.core.domain.alert import Alert, AlertKind
from falcon_scheduler.core.domain.occurrence import Reason
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
_AWAY = {"prefect": Reason.ENGINE_AWAY, "mongodb": Reason.STORE_AWAY}
_KINDS = (AlertKind.COMPONENT_AWAY, AlertKind.ENGINE_NOT_PLANNING)
_OF_KIND = {AlertKind.ENGINE_NOT_PLANNING: Reason.NOT_PLANNED, AlertKind.NO_WORKER: Reason.NO_WORKER}
_ORDER = (Reason.SERVICE_DOWN, Reason.STORE_AWAY, Reason.ENGINE_AWAY, Reason.NO_WORKER, Reason.NOT_PLANNED)


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
                await self._store.add_outage(Outage(reason=Reason.STORE_AWAY, since=since, until=now))
            elif noted_at is not None and now - noted_at > SILENT_AFTER:
                await self._store.add_outage(Outage(reason=Reason.SERVICE_DOWN, since=noted_at, until=now))
            await self._watermark.write(ALIVE, now)
        except Unavailable:
            self._refused_since = self._refused_since or self._noted_at or now
            raise
        self._noted_at, self._refused_since = now, None

    async def between(self, begin: datetime, end: datetime, *, workers: bool = False) -> Sequence[Outage]:
        """The outages with a part in this time: stored ones, and those that alerts report.

        With `workers` also the times without a worker: runs wait then, and none is missed.
        """
        stored = await self._store.outages(begin - NOTICED_WITHIN, end + NOTICED_WITHIN)
        found = [*stored]
        for kind in (*_KINDS, *([AlertKind.NO_WORKER] if workers else [])):
            page = await self._alerts.list(AlertFilter(kind=kind), PageRequest(size=_MOST_ALERTS))
            found += [outage for alert in page.items if (outage := self._of(alert)) is not None]
        return [each for each in found if each.until >= begin and each.since < end]

    def _of(self, alert: Alert) -> Outage | None:
        part = alert.subject.part
        reason = _AWAY.get(part) if alert.kind is AlertKind.COMPONENT_AWAY else _OF_KIND[alert.kind]
        if reason is None:
            return None
        until = alert.recovered_at + BACK_WITHIN if alert.recovered_at else self._clock.now()
        return Outage(reason=reason, since=alert.opened_at - NOTICED_WITHIN, until=until, text=alert.text)


def outage_at(instant: datetime, outages: Sequence[Outage]) -> Outage | None:
    """The outage that explains why nothing ran at an instant; of several the one that explains the others."""
    covering = [each for each in outages if each.since <= instant <= each.until]
    return min(covering, key=lambda each: _ORDER.index(each.reason), default=None)
