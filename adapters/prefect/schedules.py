"""Our schedules as Prefect schedule objects whose dates are ours. It asks Prefect nothing and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule

from core.domain.schedule import Every, Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NamedSchedule:
    """One Prefect schedule of a deployment and the slug that it keeps: `cron`, then `cron-2` and so on."""

    slug: str
    schedule: CronSchedule | IntervalSchedule | RRuleSchedule


def to_prefect(schedule: Schedule, *, now: datetime, since: datetime | None = None) -> list[NamedSchedule]:
    """The Prefect schedules that together fire at exactly our instants.

    Args:
        schedule: ours.
        now: today's instant; the answer holds until `renew_before(schedule, now)`.
        since: when the schedule took effect, from which `@every` counts; it must stay the same for the same task.
            Left out, the Unix epoch.
    """
    if isinstance(schedule.timing, Every):
        anchor = (since or _EPOCH).astimezone(UTC).replace(microsecond=0)
        return [
            NamedSchedule(
                "cron", IntervalSchedule(interval=schedule.timing.interval, anchor_date=anchor, timezone="UTC")
            )
        ]
    second, *rest = str(schedule.timing).split()
    fields = [*rest] if second == "0" else [*rest, second]
    cron = CronSchedule(cron=" ".join(fields), timezone=schedule.timezone, day_or=not schedule.timing.needs_both_days)
    return [NamedSchedule("cron", cron)]


def renew_before(schedule: Schedule, now: datetime) -> datetime | None:
    """Until when what `to_prefect(schedule, now)` gave may stay; `None` means for ever."""
    return None
