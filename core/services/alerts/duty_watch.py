"""Watches the leader's duties: one that fails repeatedly opens an alert until it succeeds.

Duties that fail while a server is away are not the cause. Then one alert names the server, and none the duties.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from falcon_scheduler.core.domain.alert import Alert, AlertKind
from falcon_scheduler.core.ports import Health, HealthProbe
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty, Periodic
from falcon_scheduler.core.services.status import PROBE_TIMEOUT

WATCH_INTERVAL = timedelta(seconds=5)
FAILING_AFTER = timedelta(seconds=30)
"""For so long a duty has to fail without a success in between, or a server to be away, before it is an alert."""
FAILING_TIMES = 2
"""And at least so often: a duty of each hour may fail once."""


@dataclass(frozen=True, slots=True)
class _Failing:
    since: float
    """Monotonic seconds."""
    times: int
    error: str

    def lasts(self, now: float) -> bool:
        return self.times >= FAILING_TIMES and now - self.since >= FAILING_AFTER.total_seconds()


class DutyWatch:
    """Gets the result of each attempt at a duty, and regularly derives the alerts from the results."""

    def __init__(self, *, alerts: ServiceAlerts, probes: Sequence[HealthProbe]) -> None:
        """`probes` check the servers that duties depend on."""
        self._alerts = alerts
        self._probes = probes
        self._failing: dict[str, _Failing] = {}
        self._well: set[str] = set()
        self._away: dict[str, _Failing] = {}

    def succeeded(self, duty: str) -> None:
        """An attempt succeeded."""
        self._failing.pop(duty, None)
        self._well.add(duty)

    def failed(self, duty: str, error: str) -> None:
        """An attempt failed; `error` is a sentence without any secret."""
        self._well.discard(duty)
        before = self._failing.get(duty)
        if before is None:
            self._failing[duty] = _Failing(time.monotonic(), 1, error)
        else:
            self._failing[duty] = replace(before, times=before.times + 1, error=error)

    def forget(self) -> None:
        """This process no longer performs the duties, so its results are outdated."""
        self._failing.clear()
        self._well.clear()
        self._away.clear()

    def duty(self) -> Duty:
        """The watch is a duty too, and needs no preparation: the preparation may be what fails."""
        return Periodic("look after the duties", self.look, WATCH_INTERVAL, self.forget)

    async def look(self) -> None:
        """Open and resolve the alerts. Raises `Unavailable` while MongoDB is away."""
        answers = await asyncio.gather(*(probe.check(PROBE_TIMEOUT) for probe in self._probes))
        opened = await self._alerts.opened([AlertKind.DUTY_FAILING, AlertKind.COMPONENT_AWAY])
        await self._look_at_servers(answers, _parts(opened, AlertKind.COMPONENT_AWAY))
        every_server_answers = all(each.healthy for each in answers)
        await self._look_at_duties(_parts(opened, AlertKind.DUTY_FAILING), every_server_answers)

    async def _look_at_duties(self, open_for: Collection[str], every_server_answers: bool) -> None:
        for duty in self._well.intersection(open_for):
            await self._alerts.resolve(AlertKind.DUTY_FAILING, f"The duty {duty!r} succeeds again", duty)
        now = time.monotonic()
        for duty, failing in list(self._failing.items()):
            if every_server_answers and failing.lasts(now) and duty not in open_for:
                text = f"The duty {duty!r} fails again and again, the last time with: {failing.error}"
                await self._alerts.open(AlertKind.DUTY_FAILING, text, duty)

    async def _look_at_servers(self, answers: Sequence[Health], open_for: Collection[str]) -> None:
        now = time.monotonic()
        for answer in answers:
            name = answer.name
            if answer.healthy:
                self._away.pop(name, None)
                if name in open_for:
                    await self._alerts.resolve(AlertKind.COMPONENT_AWAY, f"{name} answers again", name)
                continue
            before = self._away.get(name) or _Failing(now, 0, answer.message)
            away = self._away[name] = replace(before, times=before.times + 1)
            if away.lasts(now) and name not in open_for:
                text = f"{name} does not answer: {answer.message}"
                await self._alerts.open(AlertKind.COMPONENT_AWAY, text, name)


def _parts(alerts: Sequence[Alert], kind: AlertKind) -> Collection[str]:
    return {each.subject.part for each in alerts if each.kind is kind}
