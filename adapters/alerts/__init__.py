"""Channels that alerts are sent to: webhooks, services that Apprise supports, Prefect's events."""
