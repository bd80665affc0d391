"""Cron expressions with seconds: grammar, calendar, clock changes and words. `core.domain.schedule` is the way in."""
