"""An alert: something that is wrong and should be told, from its opening to its recovery, and who was told of it.

What has to be sent stands inside the alert as deliveries, so that a change of its state and the wish to tell it are
one value and are stored together. All values are frozen; storing them is the business of an `AlertStore`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

CLAIM = timedelta(seconds=60)
"""For how long a delivery belongs to the process that is sending it: longer than any channel may take."""
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)
_DELAY_GROWTH = 4


class AlertKind(StrEnum):
    """What is wrong. Those of `SERVICE_KINDS` are about the service or a part of it, the others about one task."""

    FAILURES_IN_A_ROW = "failures_in_a_row"
    FAILURE_RATE = "failure_rate"
    LATE_RUN = "late_run"
    """A run that is due has not begun, or began late."""
    STALE_RUN = "stale_run"
    """A run is, or was until it was ended, at work for longer than its timeouts allow."""
    SYSTEM_TASK_FAILED = "system_task_failed"
    MANY_LATE_RUNS = "many_late_runs"
    """So many tasks are overdue that the cause is none of theirs. Stands for an alert of each."""
    QUEUE_FULL = "queue_full"
    NO_WORKER = "no_worker"
    """No worker is online, so nothing can run."""
    DUTY_FAILING = "duty_failing"
    """A background duty of the facade fails again and again; the part is the duty."""
    ENGINE_NOT_PLANNING = "engine_not_planning"
    """The engine does not plan runs that are due by our schedules."""
    UNREADABLE = "unreadable"
    """A task, run or deployment can't be read and was set aside; the part says which."""
    IMPEDED_TASKS = "impeded_tasks"
    """Tasks can't run as they are stored; their `metadata.last_error` says why."""
    OTHER_SCHEDULER = "other_scheduler"
    """Another scheduler writes to the database of this service."""
    OTHER_REFRESHER = "other_refresher"
    """Somebody else refreshes the EVE logins that this service refreshes."""
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
    """Where an alert stands. A recovered one never opens again; what happens anew is another alert."""

    OPEN = "open"
    RECOVERED = "recovered"


class AlertEvent(StrEnum):
    """What a message tells."""

    OPENED = "opened"
    RECOVERED = "recovered"
    TEST = "test"


class DeliveryState(StrEnum):
    """What became of a message to one channel."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAlerts:
    """What a task says about its alerts. None stands for what the settings say."""

    enabled: bool = True
    failures_in_a_row: int | None = None
    failure_rate: float | None = None
    """Share of failed runs, above 0 and at most 1."""
    late_after: timedelta | None = None
    channels: tuple[str, ...] | None = None
    """Names of the channels that are told; all when None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The task that an alert is about, as it was called when the alert opened; empty for the service as a whole.

    `part` names a part of the service instead: a duty, a server, something that can't be read.
    """

    task_id: str = ""
    task_name: str = ""
    deployment_id: str = ""
    part: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one channel, and how it goes."""

    event: AlertEvent
    channel: str
    wanted_at: datetime
    """Since when it is to be sent."""
    due_at: datetime
    """When it is tried next, while it is pending; until then it belongs to whoever tries it now."""
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    ended_at: datetime | None = None
    error: str = ""
    """Why the last attempt failed."""

    @property
    def identity(self) -> tuple[object, ...]:
        """What tells one attempt from all others."""
        return self.event, self.channel, self.state, self.attempts

    @property
    def is_pending(self) -> bool:
        """Whether it has still to be sent."""
        return self.state is DeliveryState.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """See the module. `text` says what is wrong, `recovery` how it ended; both are for people and hold no secret."""

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
        """What the alert is about: of one key at most one alert is open."""
        return key_of(self.kind, self.subject.task_id or self.subject.part)

    @property
    def state(self) -> AlertState:
        """Open until it has recovered."""
        return AlertState.OPEN if self.recovered_at is None else AlertState.RECOVERED

    def told_to(self, channels: tuple[str, ...]) -> Alert:
        """With its opening to be sent to these channels."""
        wanted = tuple(_wanted(AlertEvent.OPENED, channel, self.opened_at) for channel in channels)
        return replace(self, deliveries=wanted)

    def recovered(self, at: datetime, recovery: str) -> Alert:
        """It is over, and whoever is told of its opening is to be told. Saying it twice changes nothing."""
        if self.recovered_at is not None:
            return self
        wanted = tuple(_wanted(AlertEvent.RECOVERED, each.channel, at) for each in self.deliveries)
        return replace(self, recovered_at=at, recovery=recovery, deliveries=(*self.deliveries, *wanted))

    def next_delivery(self, channel: str) -> Delivery | None:
        """What the channel is to be told next: nothing overtakes what was to be told before it."""
        return next((each for each in self.deliveries if each.channel == channel and each.is_pending), None)

    @property
    def waiting_channels(self) -> tuple[str, ...]:
        """Channels that have still to be told something."""
        return tuple(dict.fromkeys(each.channel for each in self.deliveries if each.is_pending))

    @property
    def next_delivery_at(self) -> datetime | None:
        """When a channel is to be told something next; None when all is told."""
        upcoming = (self.next_delivery(channel) for channel in self.waiting_channels)
        return min((each.due_at for each in upcoming if each is not None), default=None)

    def claimed(self, delivery: Delivery, now: datetime) -> Alert:
        """One more attempt begins. Changes nothing when the delivery is not as it was: somebody else has it."""
        return self._with(delivery, replace(delivery, attempts=delivery.attempts + 1, due_at=now + CLAIM))

    def delivered(self, delivery: Delivery, at: datetime) -> Alert:
        """The channel took it, whoever else has begun an attempt meanwhile."""
        latest = self.next_delivery(delivery.channel)
        if latest is None or latest.event is not delivery.event:
            return self
        return self._with(latest, replace(latest, state=DeliveryState.DELIVERED, ended_at=at, error=""))

    def failed(self, delivery: Delivery, at: datetime, error: str, give_up_after: timedelta, *, final: bool) -> Alert:
        """An attempt failed: it is tried again later, unless that is `final` or it was tried for long enough."""
        due_at = at + delay_after(delivery.attempts)
        if final or due_at - delivery.wanted_at > give_up_after:
            return self._with(delivery, replace(delivery, state=DeliveryState.GIVEN_UP, ended_at=at, error=error))
        return self._with(delivery, replace(delivery, due_at=due_at, error=error))

    def _with(self, before: Delivery, after: Delivery) -> Alert:
        """In place of the delivery as it was; nothing changes when another attempt was begun or it has ended."""
        deliveries = (after if each.identity == before.identity else each for each in self.deliveries)
        return replace(self, deliveries=tuple(deliveries))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a channel is told. `id` is the same whenever the message is sent again, so that receivers can tell."""

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
    """What is told of an alert when it opened, or when it recovered."""
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


def delay_after(attempts: int) -> timedelta:
    """How long to wait after so many failed attempts."""
    growth: int = _DELAY_GROWTH ** min(max(attempts - 1, 0), 10)
    return min(FIRST_DELAY * growth, LONGEST_DELAY)


def _wanted(event: AlertEvent, channel: str, at: datetime) -> Delivery:
    return Delivery(event=event, channel=channel, wanted_at=at, due_at=at)
