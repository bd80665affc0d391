"""Prefect's server hands PostgreSQL the same instants as before, as ones of the standard library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from prefect.server.utilities.database import Timestamp
from prefect.types._datetime import DateTime, create_datetime_instance, now
from sqlalchemy.dialects import postgresql, sqlite

from falcon_scheduler.deployments.stack.prefect_instants import (
    FUNCTION,
    INSTANCE,
    hand_over_plain_instants,
    take_over_utc_instants,
)

BERLIN = ZoneInfo("Europe/Berlin")
TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
"""The clock shows it twice."""


@pytest.fixture(autouse=True)
def replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Timestamp, FUNCTION, getattr(Timestamp, FUNCTION))  # taken back after the test
    assert hand_over_plain_instants(), "this version of Prefect has the expected form"
    assert hand_over_plain_instants()


@pytest.mark.parametrize(
    "instant",
    [
        *(now("UTC"), now("Europe/Berlin"), create_datetime_instance(TWICE), TWICE, TWICE.replace(fold=1)),
        *(datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
        *(datetime(2026, 7, 1, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45))),),
        *(DateTime(2026, 3, 29, 2, 30, tzinfo=BERLIN), datetime(2026, 3, 29, 2, 30, tzinfo=BERLIN)),
    ],
)
def test_an_instant_stays_the_same(instant: datetime) -> None:
    bound = Timestamp().process_bind_param(instant, postgresql.dialect())  # type: ignore[no-untyped-call]
    assert type(bound) is datetime
    assert bound.tzinfo is UTC
    assert bound.isoformat() == instant.astimezone(UTC).isoformat()


def test_none_and_instants_without_a_zone_are_treated_as_before() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert Timestamp().process_bind_param(None, dialect) is None
    with pytest.raises(ValueError, match="timezone"):
        Timestamp().process_bind_param(datetime(2026, 7, 1), dialect)  # noqa: DTZ001 - that is what is refused


def test_sqlite_gets_what_it_got_before() -> None:
    instant = now("Europe/Berlin")
    bound = Timestamp().process_bind_param(instant, sqlite.dialect())
    assert bound == instant
    assert type(bound) is type(instant)


def test_a_version_of_another_form_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def another(self: object, value: object) -> None: ...

    monkeypatch.setattr(Timestamp, FUNCTION, another)
    assert not hand_over_plain_instants()
    assert getattr(Timestamp, FUNCTION) is another
    assert "in another way" in caplog.text


@pytest.mark.parametrize(
    "instant",
    [
        *(datetime(2026, 7, 1, 9, 30, 0, 123456, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=ZoneInfo("UTC"))),
        *(now("UTC"), now("Europe/Berlin"), TWICE, TWICE.replace(fold=1), datetime(1, 1, 1, tzinfo=UTC)),
        *(datetime(2026, 7, 1, tzinfo=timezone(timedelta(hours=-3))), datetime(2026, 7, 1)),  # noqa: DTZ001
    ],
)
def test_an_instant_that_is_read_is_the_same_value_as_before(
    monkeypatch: pytest.MonkeyPatch, instant: datetime
) -> None:
    before = DateTime.instance(instant)
    monkeypatch.setattr(DateTime, INSTANCE, DateTime.instance)
    assert take_over_utc_instants(), "this version of Prefect has the expected form"
    assert take_over_utc_instants()
    read = DateTime.instance(instant)
    assert (type(read), repr(read), read.fold) == (type(before), repr(before), before.fold)
    assert read.isoformat() == before.isoformat()
    assert read.add(months=1) == before.add(months=1)


def test_another_way_of_making_instants_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def another(value: object) -> None: ...

    monkeypatch.setattr(DateTime, INSTANCE, another)
    assert not take_over_utc_instants()
    assert getattr(DateTime, INSTANCE) is another
    assert "in another way" in caplog.text
