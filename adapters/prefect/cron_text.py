"""Cron text as Prefect reads it, seconds last. It turns sets of values into text and decides nothing.

Only forms that croniter and robfig/cron read alike are written: `*`, `*/n` from the field's beginning, lists, and
ranges without a step. (To croniter, Prefect's reader of cron, `59/2` and `5-5` mean the whole field.)
"""

from __future__ import annotations

from dataclasses import dataclass

from prefect.client.schemas.schedules import CronSchedule

from falcon_scheduler.core.domain.cron.fields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, SECOND, Kind

LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Days:
    """Dates by day of month and day of week, each a set of values; `both`: whether both must fit or either."""

    of_month: int
    of_week: int
    both: bool

    def within(self, months: int) -> Days | None:
        """The same dates of these months, without a part that names none; `None` if nothing is left.

        croniter searches fifty years for a day that no month has and then fails, which would stop Prefect from
        planning any run of the deployment.
        """
        if not months:
            return None
        longest = max(days for month, days in enumerate(LONGEST_MONTHS, 1) if months >> month & 1)
        of_month = self.of_month & ((2 << longest) - 2)
        if self.both:
            return Days(of_month, self.of_week, both=True) if of_month and self.of_week else None
        if self.of_month == DAY_OF_MONTH.every or self.of_week == DAY_OF_WEEK.every:
            return EVERY_DAY
        if not of_month:
            return Days(DAY_OF_MONTH.every, self.of_week, both=True)
        return Days(self.of_month, self.of_week, both=False)


_FEBRUARY, _MARCH = 1 << 2, 1 << 3


def parted_for_croniter(days: Days, months: int) -> list[tuple[Days, int]]:
    """The same dates as one or two pairs of days and months, each of which croniter reads rightly.

    From the last fitting day of February croniter goes on by the days left to the 30th or 31st, thus past the first
    of March, even if those fit. February apart, it does not.
    """
    firsts_and_lasts = days.of_month & 0b110 and days.of_month >> 30 and not days.of_month >> 29 & 1
    parts = [months]
    if firsts_and_lasts and months & _FEBRUARY and months & _MARCH:
        parts = [months & ~_FEBRUARY, _FEBRUARY]
    return [(possible, part) for part in parts if (possible := days.within(part)) is not None]


EVERY_DAY = Days(DAY_OF_MONTH.every, DAY_OF_WEEK.every, both=True)


@dataclass(frozen=True, slots=True)
class Times:
    """Times of a day by hour, minute and second, each a set of values."""

    hours: int
    minutes: int
    seconds: int


def cron_schedule(times: Times, days: Days, months: int, timezone: str) -> CronSchedule:
    """Prefect's schedule for these times on these days of these months.

    Five fields if the second is 0: Prefect's UI puts those into words, and it reads six with the seconds first.
    """
    parts = [
        field_text(MINUTE, times.minutes),
        field_text(HOUR, times.hours),
        field_text(DAY_OF_MONTH, days.of_month),
        field_text(MONTH, months),
        field_text(DAY_OF_WEEK, days.of_week),
    ]
    if times.seconds != 1:
        parts.append(field_text(SECOND, times.seconds))
    restricted = days.of_month != DAY_OF_MONTH.every and days.of_week != DAY_OF_WEEK.every
    day_or = not (days.both and restricted)
    # Not validated again: that walks the disk for the names of all time zones, each time. See decision 0005.
    return CronSchedule.model_construct(cron=" ".join(parts), timezone=timezone, day_or=day_or)


def field_text(kind: Kind, values: int) -> str:
    """One field's text for a set of values that is not empty."""
    if values == kind.every:
        return "*"
    listed = [value for value in range(kind.low, kind.high + 1) if values >> value & 1]
    step = listed[1] - listed[0] if len(listed) > 2 else 0
    if step > 1 and listed == list(range(kind.low, kind.high + 1, step)):
        return f"*/{step}"
    return ",".join(_runs(listed))


def _runs(listed: list[int]) -> list[str]:
    runs: list[list[int]] = []
    for value in listed:
        if runs and runs[-1][-1] == value - 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return [f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs]
