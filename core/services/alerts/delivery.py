"""Sends messages to channels: in order for each channel, with retries until they are taken or given up.

Each attempt is claimed in the store before it begins and settled there after it ended. A process that dies in between
leaves a claim that expires; the message is sent again under the same id, by which receivers can detect the repeat. A
channel that is slow or away delays only its own messages.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from falcon_scheduler.core.domain.alert import Alert, Message, message_of
from falcon_scheduler.core.domain.alert_delivery import AlertEvent
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.errors import DeliveryFailed, Invalid, SchedulerError
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.alerts import AlertChannel, AlertFilter, AlertStore
from falcon_scheduler.core.ports.paging import Page, PageRequest
from falcon_scheduler.core.services.duty import Duty, Periodic

logger = logging.getLogger(__name__)

DELIVERY_INTERVAL = timedelta(seconds=1)
UNKNOWN_INTERVAL = timedelta(seconds=30)
SLACK = timedelta(seconds=1)
"""Extra time for a channel, so that its own, more precise timeout error comes first."""
AT_ONCE = 4
"""Messages under way to one channel; those of one alert follow each other."""
BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """What became of a test message to one channel; no error when it was taken."""

    __test__ = False  # pytest would collect the class because of its name

    channel: str
    error: str = ""


class AlertDelivery:
    """Several may run at a time: who claims an attempt makes it."""

    def __init__(
        self,
        *,
        alerts: AlertStore,
        channels: Sequence[AlertChannel],
        clock: Clock,
        timeout: timedelta,
        give_up_after: timedelta,
    ) -> None:
        """`timeout` bounds one attempt, and has to be much shorter than `core.domain.alert_delivery.CLAIM`."""
        self._alerts = alerts
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._timeout = timeout
        self._give_up_after = give_up_after

    @property
    def channels(self) -> Sequence[str]:
        """Names of the channels. `deliver` is called for each separately, so that no channel waits for another."""
        return tuple(self._channels)

    def duties(self) -> Sequence[Duty]:
        """One duty for each channel, so that none waits for another, and one for messages to unknown channels."""
        return [
            *(
                Periodic(f"send alerts to {channel}", partial(self.deliver, channel), DELIVERY_INTERVAL)
                for channel in self._channels
            ),
            Periodic("look after alerts to unknown channels", self.fail_unknown, UNKNOWN_INTERVAL),
        ]

    async def deliver(self, channel: str) -> None:
        """Send the due messages of a channel. Raises the first error when all attempts have ended."""
        alerts = await self._alerts.due(channel, self._clock.now(), BATCH)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(alert: Alert) -> None:
            async with turns:
                await self._attempt(alert, channel, lambda message: self._send(channel, message))

        results = await asyncio.gather(*map(one, alerts), return_exceptions=True)
        # One that could not be settled interrupts no other: a message that is cut off is sent again.
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def fail_unknown(self) -> None:
        """Fail messages to channels that no setting names (any more), with that reason, until they are given up."""
        for channel in await self._alerts.waiting_channels():
            if channel not in self._channels:
                for alert in await self._alerts.due(channel, self._clock.now(), BATCH):
                    await self._attempt(alert, channel, _refuse)

    async def test(self, channel: str | None = None) -> Sequence[TestOutcome]:
        """Send a test message to one channel, or to all at the same time.

        Raises:
            Invalid: there is no such channel.
        """
        if channel is not None and channel not in self._channels:
            known = ", ".join(self._channels) or "none"
            raise Invalid.of("channel", f"is not a channel of the service; there are: {known}")
        now = self._clock.now()
        alert_id = uuid.uuid4().hex
        message = Message(
            id=f"msg_{alert_id}_{AlertEvent.TEST}",
            event=AlertEvent.TEST,
            kind="test",
            at=now,
            title="Test: Falcon Scheduler",
            text="This is a test. Alerts of Falcon Scheduler arrive here.",
            alert_id=alert_id,
            opened_at=now,
        )
        wanted = [channel] if channel is not None else list(self._channels)
        return await asyncio.gather(*(self._test(name, message) for name in wanted))

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Page[Alert]:
        """The open and the recent ones, see `AlertStore.list`."""
        return await self._alerts.list(wanted, page)

    async def _test(self, channel: str, message: Message) -> TestOutcome:
        try:
            await self._send(channel, message)
        except SchedulerError as error:
            return TestOutcome(channel=channel, error=str(error))
        return TestOutcome(channel=channel)

    async def _send(self, channel: str, message: Message) -> None:
        try:
            async with asyncio.timeout((self._timeout + SLACK).total_seconds()):
                await self._channels[channel].send(message)
        except TimeoutError as error:
            raise DeliveryFailed(f"it was not taken within {format_duration(self._timeout)}") from error

    async def _attempt(self, alert: Alert, channel: str, send: Callable[[Message], Awaitable[None]]) -> None:
        delivery = alert.next_delivery(channel)
        if delivery is None or delivery.due_at > self._clock.now():
            return
        claimed = await self._alerts.change(alert.id, lambda each: each.claimed(delivery, self._clock.now()))
        ours = claimed.next_delivery(channel) if claimed else None
        if claimed is None or ours is None:
            return  # somebody else has it
        try:
            await send(message_of(claimed, ours.event))
        except SchedulerError as error:
            reason, final = str(error), isinstance(error, DeliveryFailed) and error.final
            logger.warning("Channel %s did not take alert %s (%s): %s", channel, alert.id, ours.event, reason)
            settle = lambda each: each.failed(ours, self._clock.now(), reason, self._give_up_after, final=final)  # noqa: E731
        else:
            settle = lambda each: each.delivered(ours, self._clock.now())  # noqa: E731
        await self._alerts.change(alert.id, settle)


async def _refuse(message: Message) -> None:
    raise DeliveryFailed("no setting names this channel")
