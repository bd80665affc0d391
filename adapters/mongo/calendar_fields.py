"""Calendars within a task's document: names in `metadata`, versions in its periods, and each version's days once.

`metadata.calendars` holds the names that a client set. `scheduler.calendars` holds the present version of each, and
`scheduler.calendar_versions` the days of all versions that the definition or a period mentions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.core.domain.calendars import (
    CalendarDays,
    CalendarRules,
    CalendarVersion,
    DayRange,
    OnExcluded,
    WeekdayWindow,
)
from falcon_scheduler.core.domain.task import Task

Shelf = Mapping[tuple[str, int], CalendarVersion]
"""The versions that a document holds the days of."""


def days_document(days: CalendarDays) -> dict[str, Any]:
    """The days of a version."""
    return {
        "dates": [each.isoformat() for each in days.dates],
        "ranges": [{"from": each.first.isoformat(), "to": each.last.isoformat()} for each in days.ranges],
        "weekdays": [
            {
                "days": list(each.weekdays),
                "from": each.first.isoformat() if each.first else None,
                "to": each.last.isoformat() if each.last else None,
            }
            for each in days.weekdays
        ],
    }


def days_of(fields: Reading) -> CalendarDays:
    """Read the days of a version; what can't be read is left out."""
    ranges = ((_day(each.raw("from")), _day(each.raw("to"))) for each in _objects(fields.raw("ranges")))
    return CalendarDays(
        dates=tuple(day for each in _items(fields.raw("dates")) if (day := _day(each)) is not None),
        ranges=tuple(DayRange(first, last) for first, last in ranges if first is not None and last is not None),
        weekdays=tuple(
            WeekdayWindow(
                tuple(day for day in _items(each.raw("days")) if isinstance(day, int)),
                _day(each.raw("from")),
                _day(each.raw("to")),
            )
            for each in _objects(fields.raw("weekdays"))
        ),
    )


def named_document(rules: CalendarRules) -> dict[str, Any]:
    """The names of a definition, for the task's `metadata`."""
    if not rules:
        return {}
    return {
        "calendars": {
            "include": [each.name for each in rules.include],
            "exclude": [each.name for each in rules.exclude],
            "on_excluded": str(rules.on_excluded),
        }
    }


def named_of(metadata: Reading, bookkeeping: Reading, shelf: Shelf) -> CalendarRules:
    """The calendars of a definition, each in its present version."""
    if metadata.raw("calendars") is None:
        return CalendarRules()
    fields = metadata.part("calendars")
    versions = {each.text("name"): each.number("version") for each in _objects(bookkeeping.raw("calendars"))}

    def known(names: tuple[str, ...]) -> tuple[CalendarVersion, ...]:
        return tuple(shelf.get((name, versions.get(name, 0)), CalendarVersion(name=name)) for name in names)

    return CalendarRules(
        include=known(fields.texts("include")),
        exclude=known(fields.texts("exclude")),
        on_excluded=fields.choice("on_excluded", OnExcluded, OnExcluded.SKIP),
    )


def period_document(rules: CalendarRules) -> dict[str, Any]:
    """The versions that were in force in a period."""
    if not rules:
        return {}
    return {
        "calendars": {
            "include": [_reference(each) for each in rules.include],
            "exclude": [_reference(each) for each in rules.exclude],
            "on_excluded": str(rules.on_excluded),
        }
    }


def period_calendars_of(period: Reading, shelf: Shelf) -> CalendarRules:
    """Read the versions that were in force in a period."""
    if period.raw("calendars") is None:
        return CalendarRules()
    fields = period.part("calendars")

    def known(references: object) -> tuple[CalendarVersion, ...]:
        found = ((each.text("name"), each.number("version")) for each in _objects(references))
        return tuple(shelf.get(each, CalendarVersion(name=each[0])) for each in found)

    return CalendarRules(
        include=known(fields.raw("include")),
        exclude=known(fields.raw("exclude")),
        on_excluded=fields.choice("on_excluded", OnExcluded, OnExcluded.SKIP),
    )


def versions_document(task: Task) -> dict[str, Any]:
    """The present version of each calendar, and the days of all versions that are mentioned; empty without any."""
    present = task.definition.calendars.versions
    mentioned = {each.rules.calendars: None for each in task.periods} if task.periods else {}
    versions = dict.fromkeys((*present, *(each for rules in mentioned for each in rules.versions)))
    if not versions:
        return {}
    return {
        "calendars": [_reference(each) for each in present],
        "calendar_versions": [_reference(each) | days_document(each.days) for each in versions if each.is_known],
    }


def shelf_of(bookkeeping: Reading) -> Shelf:
    """Read the versions that a task's document holds the days of."""
    found = (
        CalendarVersion(name=each.text("name"), version=each.number("version"), days=days_of(each))
        for each in _objects(bookkeeping.raw("calendar_versions"))
    )
    return {(each.name, each.version): each for each in found if each.is_known}


def _reference(version: CalendarVersion) -> dict[str, Any]:
    return {"name": version.name, "version": version.version}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: object) -> Iterator[Reading]:
    return map(Reading, _items(value))


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
