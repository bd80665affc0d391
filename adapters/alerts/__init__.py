"""Ways to tell somebody of an alert: webhooks, whatever Apprise reaches, Prefect's events."""
