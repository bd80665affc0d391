"""From settings to channels."""

from __future__ import annotations

from collections.abc import Sequence

from falcon_scheduler import __version__
from falcon_scheduler.adapters.alerts.addresses import read_addresses
from falcon_scheduler.adapters.alerts.prefect_events import PrefectEventChannel
from falcon_scheduler.adapters.alerts.webhook import WebhookChannel
from falcon_scheduler.adapters.http.guard import AddressGuard
from falcon_scheduler.adapters.http.sender import HttpSender, Proxy
from falcon_scheduler.adapters.prefect.client import Client
from falcon_scheduler.adapters.settings import AlertSettings, SchedulerSettings
from falcon_scheduler.core.ports import Clock
from falcon_scheduler.core.ports.alerts import AlertChannel


def channels_of(
    settings: AlertSettings, scheduler: SchedulerSettings, *, client: Client, clock: Clock
) -> Sequence[AlertChannel]:
    """Every channel that the settings name."""
    channels: list[AlertChannel] = [PrefectEventChannel(client)] if settings.prefect_events else []
    proxy = scheduler.http_proxy
    sender = HttpSender(
        AddressGuard(scheduler.http_allow),
        user_agent=f"falcon-scheduler/{__version__}",
        proxy=Proxy.of(proxy.get_secret_value()) if proxy else None,
    )
    secret = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    for each in read_addresses((entry.get_secret_value() for entry in settings.webhooks), "webhook"):
        channels.append(
            WebhookChannel(each.name, each.url, secret, sender=sender, clock=clock, timeout=settings.timeout)
        )
    if settings.apprise:
        from falcon_scheduler.adapters.alerts.apprise import (
            AppriseChannel,  # takes a third of a second, so only who needs it
        )

        addresses = read_addresses((entry.get_secret_value() for entry in settings.apprise), "apprise")
        channels += [AppriseChannel(each.name, each.url) for each in addresses]
    return channels
