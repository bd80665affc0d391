"""Go's durations, read and written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_scheduler.core.domain.duration import format_duration, from_nanoseconds, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1m30s", timedelta(seconds=90)),
        ("1.5h", timedelta(minutes=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("-2s", timedelta(seconds=-2)),
        ("0", timedelta()),
        ("1h0m0s", timedelta(hours=1)),
        (".5s", timedelta(milliseconds=500)),
        ("3µs", timedelta(microseconds=3)),
        ("1500ns", timedelta(microseconds=2)),
    ],
)
def test_go_text_is_read(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "text", ["", "5", "1 m", "m", "1d", "1m 30s", "--1s", "1e3s", "1h-5m", "99999999999h", "\u0661h", "1\uff11m"]
)
def test_what_go_refuses_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(minutes=5), "5m0s"),
        (timedelta(hours=1, seconds=1), "1h0m1s"),
        (timedelta(seconds=1, milliseconds=500), "1.5s"),
        (timedelta(milliseconds=45), "45ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7µs"),
        (timedelta(seconds=-90), "-1m30s"),
    ],
)
def test_text_is_what_go_writes(length: timedelta, text: str) -> None:
    assert format_duration(length) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_writing_and_reading_gives_the_same_length(microseconds: int) -> None:
    length = timedelta(microseconds=microseconds)
    assert parse_duration(format_duration(length)) == length
    assert from_nanoseconds(microseconds * 1000) == length
