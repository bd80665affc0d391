"""Creating, changing and deleting calendars. Tasks take over a change by `calendar_following`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.calendars import (
    CALENDAR_NAME,
    MOST_ENTRIES,
    NAME_RULE,
    WEEKDAYS,
    CalendarDays,
    CalendarRules,
    CalendarVersion,
    DayRange,
    WeekdayWindow,
)
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.storable import is_storable
from falcon_scheduler.core.errors import (
    CalendarChanged,
    CalendarExists,
    CalendarInUse,
    CalendarNotFound,
    Fault,
    Invalid,
    TooManyCalendars,
    Unavailable,
)
from falcon_scheduler.core.ports import Clock, TaskStore
from falcon_scheduler.core.ports.calendars import Calendar, CalendarStore
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.calendar_following import CalendarFollowing
from falcon_scheduler.core.services.tasks.time_validation import calendar_faults

MOST = 200
"""Calendars of a service."""
DESCRIPTION_LENGTH = 500
YEARS = (1970, 2199)
FOLLOWED_AT_ONCE = 20
"""So many tasks take over a change before its answer; the leader has the others follow within seconds."""
_SHOWN = 10


class Calendars:
    """What the API may do with calendars. `by` is the caller; permissions are checked before."""

    def __init__(
        self,
        *,
        calendars: CalendarStore,
        tasks: TaskStore,
        following: CalendarFollowing,
        clock: Clock,
        audit: Auditing,
    ) -> None:
        self._calendars = calendars
        self._tasks = tasks
        self._following = following
        self._clock = clock
        self._audit = audit

    async def all(self) -> Sequence[Calendar]:
        """All calendars, by name."""
        return await self._calendars.all()

    async def get(self, name: str) -> Calendar:
        """Raises `CalendarNotFound`."""
        found = await self._calendars.find(name)
        if found is None or found.is_deleted:
            raise CalendarNotFound(name)
        return found

    async def users(self, name: str) -> Mapping[str, str]:
        """The tasks that use the calendar: their names, by id."""
        uses = await self._tasks.calendar_uses()
        return await self._tasks.names([task_id for task_id, used in uses.items() if name in used])

    async def resolved(self, rules: CalendarRules, location: str) -> CalendarRules:
        """The rules with the latest version of each calendar. Raises `Invalid`, with locations below this one."""
        found, faults = await resolved(rules, self._calendars, location)
        faults += calendar_faults(rules, location)
        if faults:
            raise Invalid(faults)
        return found

    async def create(self, name: str, days: CalendarDays, description: str, by: Principal) -> Calendar:
        """Store a new calendar. Raises `Invalid`, `CalendarExists`, `TooManyCalendars`."""
        _check(name, days, description)
        if len(await self._calendars.versions()) >= MOST:
            raise TooManyCalendars(MOST)
        now = self._clock.now()
        new = Calendar(
            latest=CalendarVersion(name=name, version=1, days=days),
            description=description,
            created_at=now,
            updated_at=now,
            created_by=by.user_id,
            updated_by=by.user_id,
        )
        async with self._audit.change(Action.CALENDAR_CREATE, by, after=picture_of(new)):
            if await self._calendars.add(new):
                return new
            former = await self._calendars.find(name)
            if former is not None and former.is_deleted:
                new = replace(new, latest=replace(new.latest, version=former.version + 1))
                if await self._calendars.replace(new, version=former.version):
                    return new
            raise CalendarExists(name)

    async def change(self, name: str, changes: Mapping[str, Any], by: Principal) -> Calendar:
        """Replace the given ones of `dates`, `ranges`, `weekdays` and `description`.

        Other days make the next version, which the tasks that use the calendar take over.

        Raises:
            CalendarNotFound, Invalid, CalendarChanged
        """
        present = await self.get(name)
        given = dict(changes)
        description = given.pop("description", present.description)
        days = replace(present.days, **given)
        _check(name, days, description)
        changed = replace(present, description=description)
        if days != present.days:
            changed = replace(
                changed,
                latest=CalendarVersion(name=name, version=present.version + 1, days=days),
                updated_at=self._clock.now(),
                updated_by=by.user_id,
            )
        if changed == present:
            return present
        before, after = picture_of(present), picture_of(changed)
        async with self._audit.change(Action.CALENDAR_UPDATE, by, before=before, after=after):
            if not await self._calendars.replace(changed, version=present.version):
                raise CalendarChanged(name)
        await self._have_tasks_follow()
        return changed

    async def _have_tasks_follow(self) -> None:
        """The change is made. What does not follow now does so when the leader looks for it."""
        with suppress(Unavailable):
            await self._following.follow(most=FOLLOWED_AT_ONCE)

    async def delete(self, name: str, by: Principal) -> None:
        """Raises `CalendarNotFound`, `CalendarInUse`, `CalendarChanged`."""
        present = await self.get(name)
        async with self._audit.change(Action.CALENDAR_DELETE, by, before=picture_of(present)):
            await self._check_unused(name)
            deleted = replace(present, is_deleted=True)
            if not await self._calendars.replace(deleted, version=present.version):
                raise CalendarChanged(name)
            try:
                await self._check_unused(name)
            except CalendarInUse:  # a task began to use it in between
                await self._calendars.replace(present, version=present.version)
                raise

    async def _check_unused(self, name: str) -> None:
        users = await self.users(name)
        if users:
            raise CalendarInUse(name, sorted(users.values())[:_SHOWN], len(users))


def picture_of(calendar: Calendar) -> dict[str, Any]:
    """What a user can change of a calendar, as plain JSON, under its name."""
    days = calendar.days
    picture = {
        "version": calendar.version,
        "description": calendar.description,
        "dates": [each.isoformat() for each in days.dates],
        "ranges": [f"{each.first.isoformat()} to {each.last.isoformat()}" for each in days.ranges],
        "weekdays": [_window_text(each) for each in days.weekdays],
    }
    return {f"calendar {calendar.name}": picture}


def _window_text(window: WeekdayWindow) -> str:
    text = " ".join(WEEKDAYS[day] for day in window.weekdays)
    text += f" from {window.first.isoformat()}" if window.first else ""
    return f"{text} to {window.last.isoformat()}" if window.last else text


async def resolved(
    rules: CalendarRules, calendars: CalendarStore, location: str = "metadata.calendars"
) -> tuple[CalendarRules, list[Fault]]:
    """The rules with the latest version of each calendar that only its name is known of, and what is wrong."""
    faults: list[Fault] = []

    async def known(names: Sequence[CalendarVersion], field: str) -> tuple[CalendarVersion, ...]:
        found = []
        for position, each in enumerate(names):
            is_asked_for = not each.is_known and CALENDAR_NAME.fullmatch(each.name) is not None
            calendar = await calendars.find(each.name) if is_asked_for else None
            if is_asked_for and (calendar is None or calendar.is_deleted):
                message = f"no calendar is named {each.name!r}; GET /calendars lists them"
                faults.append(Fault(f"{location}.{field}.{position}", message))
            found.append(each if calendar is None else calendar.latest)
        return tuple(found)

    include, exclude = await known(rules.include, "include"), await known(rules.exclude, "exclude")
    return replace(rules, include=include, exclude=exclude), faults


def _check(name: str, days: CalendarDays, description: str) -> None:
    faults = [*_faults(name, days, description)]
    if faults:
        raise Invalid(faults)


def _faults(name: str, days: CalendarDays, description: str) -> Iterator[Fault]:
    if not CALENDAR_NAME.fullmatch(name):
        yield Fault("name", f"must be {NAME_RULE}")
    if len(description) > DESCRIPTION_LENGTH or not is_storable(description):
        yield Fault("description", f"must have at most {DESCRIPTION_LENGTH} characters, and no NUL character")
    if days.entries > MOST_ENTRIES:
        message = f"at most {MOST_ENTRIES} dates, ranges and weekday windows are allowed, {days.entries} were given"
        yield Fault("dates" if len(days.dates) >= len(days.ranges) else "ranges", message)
        return
    for position, each in enumerate(days.dates):
        yield from _year_faults(f"dates.{position}", each)
    spans: list[tuple[str, DayRange | WeekdayWindow]] = []
    spans += ((f"ranges.{position}", span) for position, span in enumerate(days.ranges))
    spans += ((f"weekdays.{position}", window) for position, window in enumerate(days.weekdays))
    for location, span in spans:
        if span.first is not None and span.last is not None and span.last < span.first:
            yield Fault(f"{location}.to", "must not be before from")
        yield from _year_faults(f"{location}.from", span.first)
        yield from _year_faults(f"{location}.to", span.last)


def _year_faults(location: str, day: date | None) -> Iterator[Fault]:
    if day is not None and not YEARS[0] <= day.year <= YEARS[1]:
        yield Fault(location, f"must be a year from {YEARS[0]} to {YEARS[1]}")
