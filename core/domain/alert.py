"""An alert: a problem from its opening to its recovery, and the messages about it.

The messages to send are stored inside the alert as deliveries. So a change of the alert and the intent to report it
are one write: a process that dies between the two can't lose a message. All values are frozen; an `AlertStore` stores
them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from falcon_scheduler.core.domain.alert_delivery import (
    CLAIM,
    AlertEvent,
    Delivery,
    DeliveryState,
    delay_after,
    wanted_delivery,
)


class AlertKind(StrEnum):
    """What is wrong. Kinds in `SERVICE_KINDS` are about the service or a part of it, the others about one task."""

    FAILURES_IN_A_ROW = "failures_in_a_row"
    FAILURE_RATE = "failure_rate"
    LATE_RUN = "late_run"
    """A run that is due has not begun, or began late."""
    NO_SUCCESS = "no_success"
    """No run of the task succeeded within the time that the task allows (`expect_success`)."""
    STALE_RUN = "stale_run"
    """A run exceeds, or exceeded until it was ended, the time that its timeouts allow."""
    SYSTEM_TASK_FAILED = "system_task_failed"
    MANY_LATE_RUNS = "many_late_runs"
    """So many tasks are overdue that the cause lies outside of them. Replaces one alert for each task."""
    QUEUE_FULL = "queue_full"
    NO_WORKER = "no_worker"
    """No worker is online, so nothing can run."""
    DUTY_FAILING = "duty_failing"
    """A duty of the leader fails again and again; the part is the duty."""
    ENGINE_NOT_PLANNING = "engine_not_planning"
    """The engine does not plan runs that are due by our schedules."""
    UNREADABLE = "unreadable"
    """A task, run or deployment can't be read and was set aside; `part` names it."""
    IMPEDED_TASKS = "impeded_tasks"
    """Tasks can't run as they are stored; `metadata.last_error` of each gives the reason."""
    OTHER_SCHEDULER = "other_scheduler"
    """Another scheduler writes to the database of this service."""
    OTHER_REFRESHER = "other_refresher"
    """Another program refreshes the EVE logins that this service refreshes."""
    COMPONENT_AWAY = "component_away"
    """A server does not answer; the part is its plain name."""


SERVICE_KINDS = frozenset(
    {
        AlertKind.MANY_LATE_RUNS,
        AlertKind.QUEUE_FULL,
        AlertKind.NO_WORKER,
        AlertKind.DUTY_FAILING,
        AlertKind.ENGINE_NOT_PLANNING,
        AlertKind.UNREADABLE,
        AlertKind.IMPEDED_TASKS,
        AlertKind.OTHER_SCHEDULER,
        AlertKind.OTHER_REFRESHER,
        AlertKind.COMPONENT_AWAY,
    }
)
TASK_KINDS = tuple(kind for kind in AlertKind if kind not in SERVICE_KINDS)
DEGRADING = frozenset(
    {
        AlertKind.NO_WORKER,
        AlertKind.DUTY_FAILING,
        AlertKind.ENGINE_NOT_PLANNING,
        AlertKind.UNREADABLE,
        AlertKind.OTHER_SCHEDULER,
        AlertKind.OTHER_REFRESHER,
    }
)
"""While an alert of these kinds is open, the service is degraded."""


class AlertState(StrEnum):
    """Whether the problem persists. A recovered alert never opens again; a new occurrence is a new alert."""

    OPEN = "open"
    RECOVERED = "recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSuccess:
    """A run of the task is expected to succeed once in every `period`; it may be late by `grace`."""

    period: timedelta
    grace: timedelta = timedelta(minutes=5)
    while_paused: bool = False
    """Whether the success is expected while the task is paused too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAlerts:
    """The alert options of a task. None means the value of the settings."""

    enabled: bool = True
    failures_in_a_row: int | None = None
    failure_rate: float | None = None
    """Share of failed runs, above 0 and at most 1."""
    late_after: timedelta | None = None
    expect_success: ExpectedSuccess | None = None
    """None when nobody waits for a success; no setting has a value for it."""
    channels: tuple[str, ...] | None = None
    """Names of the channels that receive its alerts; all when None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The task that an alert is about, with its name at the opening; empty for the service as a whole.

    `part` names a part of the service instead: a duty, a server, something that can't be read.
    """

    task_id: str = ""
    task_name: str = ""
    deployment_id: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """See the module. `text` describes the problem, `recovery` its end; both are for people and hold no secret."""

    id: str
    kind: AlertKind
    subject: Subject = Subject()
    text: str
    opened_at: datetime
    recovered_at: datetime | None = None
    recovery: str = ""
    deliveries: tuple[Delivery, ...] = ()
    revision: int = 1

    @property
    def key(self) -> str:
        """What the alert is about: at most one alert of a key is open."""
        return key_of(self.kind, self.subject.task_id or self.subject.part)

    @property
    def state(self) -> AlertState:
        """Open until it has recovered."""
        return AlertState.OPEN if self.recovered_at is None else AlertState.RECOVERED

    def announced_to(self, channels: tuple[str, ...]) -> Alert:
        """With a delivery of its opening for each of these channels."""
        wanted = tuple(wanted_delivery(AlertEvent.OPENED, channel, self.opened_at) for channel in channels)
        return replace(self, deliveries=wanted)

    def recovered(self, at: datetime, recovery: str) -> Alert:
        """Recovered, with a delivery to each channel that got its opening. A second call changes nothing."""
        if self.recovered_at is not None:
            return self
        wanted = tuple(wanted_delivery(AlertEvent.RECOVERED, each.channel, at) for each in self.deliveries)
        return replace(self, recovered_at=at, recovery=recovery, deliveries=(*self.deliveries, *wanted))

    def next_delivery(self, channel: str) -> Delivery | None:
        """The channel's oldest pending delivery. Deliveries to a channel keep their order."""
        return next((each for each in self.deliveries if each.channel == channel and each.is_pending), None)

    @property
    def waiting_channels(self) -> tuple[str, ...]:
        """Channels with a pending delivery."""
        return tuple(dict.fromkeys(each.channel for each in self.deliveries if each.is_pending))

    @property
    def next_delivery_at(self) -> datetime | None:
        """When the next attempt of any channel is due; None when nothing is pending."""
        upcoming = (self.next_delivery(channel) for channel in self.waiting_channels)
        return min((each.due_at for each in upcoming if each is not None), default=None)

    def claimed(self, delivery: Delivery, now: datetime) -> Alert:
        """With one more attempt begun. Unchanged when another process claimed the delivery in between."""
        return self._with(delivery, replace(delivery, attempts=delivery.attempts + 1, due_at=now + CLAIM))

    def delivered(self, delivery: Delivery, at: datetime) -> Alert:
        """Delivered. A later claim of another process does not matter: the channel has the message."""
        latest = self.next_delivery(delivery.channel)
        if latest is None or latest.event is not delivery.event:
            return self
        return self._with(latest, replace(latest, state=DeliveryState.DELIVERED, ended_at=at, error=""))

    def failed(self, delivery: Delivery, at: datetime, error: str, give_up_after: timedelta, *, final: bool) -> Alert:
        """The attempt failed. Another one follows, unless the failure is `final` or `give_up_after` has passed."""
        due_at = at + delay_after(delivery.attempts)
        if final or due_at - delivery.wanted_at > give_up_after:
            return self._with(delivery, replace(delivery, state=DeliveryState.GIVEN_UP, ended_at=at, error=error))
        return self._with(delivery, replace(delivery, due_at=due_at, error=error))

    def _with(self, before: Delivery, after: Delivery) -> Alert:
        """Replace a delivery. Nothing changes when it has a newer attempt or has ended."""
        deliveries = (after if each.identity == before.identity else each for each in self.deliveries)
        return replace(self, deliveries=tuple(deliveries))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel receives. Repeats of a message have the same `id`, so that receivers can drop duplicates."""

    id: str
    event: AlertEvent
    kind: str
    at: datetime
    title: str
    text: str
    alert_id: str
    subject: Subject = Subject()
    opened_at: datetime
    recovered_at: datetime | None = None


def message_of(alert: Alert, event: AlertEvent) -> Message:
    """The message about an alert's opening or recovery."""
    over = event is AlertEvent.RECOVERED
    part = f"Falcon Scheduler, {alert.subject.part}" if alert.subject.part else "Falcon Scheduler"
    about = alert.subject.task_name or part
    return Message(
        id=f"msg_{alert.id}_{event}",
        event=event,
        kind=alert.kind,
        at=(alert.recovered_at or alert.opened_at) if over else alert.opened_at,
        title=f"{'Recovered' if over else 'Alert'}: {about}: {alert.kind.replace('_', ' ')}",
        text=alert.recovery if over else alert.text,
        alert_id=alert.id,
        subject=alert.subject,
        opened_at=alert.opened_at,
        recovered_at=alert.recovered_at if over else None,
    )


def key_of(kind: AlertKind, about: str = "") -> str:
    """See `Alert.key`. `about` is a task's id or the name of a part of the service."""
    return f"{kind}:{about}"
