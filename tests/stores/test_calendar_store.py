"""What every `CalendarStore` does, and what a `TaskStore` keeps of the calendars that its tasks use."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from falcon_scheduler.core.domain.calendars import (
    CalendarDays,
    CalendarRules,
    CalendarVersion,
    DayRange,
    OnExcluded,
    WeekdayWindow,
)
from falcon_scheduler.core.ports.calendars import Calendar
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON, a_task

DAYS = CalendarDays(
    dates=(date(2026, 12, 25),),
    ranges=(DayRange(date(2026, 12, 30), date(2027, 1, 1)),),
    weekdays=(WeekdayWindow((5, 6)), WeekdayWindow((0,), date(2026, 1, 1), date(2026, 3, 31))),
)


def a_calendar(name: str = "holidays", version: int = 1, days: CalendarDays = DAYS) -> Calendar:
    return Calendar(
        latest=CalendarVersion(name=name, version=version, days=days),
        description="when nobody works",
        created_at=NOON,
        updated_at=NOON + version * MINUTE,
        created_by="a",
        updated_by="b",
    )


async def test_a_calendar_is_added_once_and_replaced_by_who_knows_its_version(stores: StoresUnderTest) -> None:
    calendars, first = stores.calendars, a_calendar()
    assert await calendars.find("holidays") is None
    assert await calendars.add(first)
    assert not await calendars.add(a_calendar(version=5))
    assert await calendars.add(a_calendar("another"))
    assert await calendars.find("holidays") == first
    second = a_calendar(version=2, days=CalendarDays())
    assert await calendars.replace(second, version=1)
    assert not await calendars.replace(a_calendar(version=2), version=1)
    assert not await calendars.replace(a_calendar("none", version=2), version=1)
    assert [*await calendars.all()] == [a_calendar("another"), second]
    assert await calendars.versions() == {"another": 1, "holidays": 2}
    assert await calendars.replace(replace(second, is_deleted=True), version=2)
    assert await calendars.versions() == {"another": 1}
    assert [each.name for each in await calendars.all()] == ["another"]
    former = await calendars.find("holidays")
    assert former is not None
    assert (former.is_deleted, former.version) == (True, 2)


async def test_a_task_keeps_the_versions_that_were_in_force_and_is_found_by_them(stores: StoresUnderTest) -> None:
    store, version = stores.tasks, a_calendar().latest
    rules = CalendarRules(
        include=(CalendarVersion(name="open", version=4, days=CalendarDays(dates=(date(2026, 5, 1),))),),
        exclude=(version,),
        on_excluded=OnExcluded.NEXT_BUSINESS_DAY,
    )
    task = await store.insert(a_task(calendars=rules))
    await store.insert(a_task())
    assert await store.calendar_uses() == {task.id: {"open": 4, "holidays": 1}}
    assert await store.get(task.id) == task
    newer = a_calendar(version=2, days=CalendarDays(dates=(date(2027, 1, 1),))).latest
    at = task.created_at + timedelta(hours=1)
    changed = await store.change(task.id, lambda each: each.with_calendar(newer, "me", at, since=at))
    read = await store.get(task.id)
    assert read == changed
    assert [period.rules.calendars.exclude for period in read.known_periods] == [(version,), (newer,)]
    assert await store.calendar_uses() == {task.id: {"open": 4, "holidays": 2}}
    cleared = await store.change(
        task.id, lambda each: each.redefined(replace(each.definition, calendars=CalendarRules()), "me", at + MINUTE)
    )
    assert await store.get(task.id) == cleared
    assert cleared.known_periods[0].rules.calendars.exclude == (version,)
    assert await store.calendar_uses() == {}
