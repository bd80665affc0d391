"""What docs/schedules.md says of a schedule is what the product says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from falcon_scheduler.core.domain.schedule import ScheduleError, parse

PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"


def rows(header: str) -> Iterator[tuple[str, str]]:
    """The rows of the tables with this header: the code of the first column, and the second."""
    inside = False
    for line in PAGE.read_text().splitlines():
        inside = line == header or (inside and line.startswith("|"))
        if inside and line.startswith("| `"):
            first, second = (each.strip() for each in line.strip("|").split("|"))
            yield first.strip("`"), second


@pytest.mark.parametrize(("text", "words"), [*rows("| schedule | fires |")])
def test_the_words_of_an_example_are_those_of_the_product(text: str, words: str) -> None:
    assert parse(text).describe() == words


@pytest.mark.parametrize(("text", "words"), [*rows("| written | refused with |")])
def test_an_example_of_an_error_is_refused_so(text: str, words: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(text)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("descriptor", "fields"), [(a, b) for a, b in rows("| descriptor | the same as |") if "`" in b]
)
def test_a_descriptor_is_the_same_as_its_six_fields(descriptor: str, fields: str) -> None:
    for each in descriptor.split("`, `"):
        assert parse(each) == parse(fields.strip("`"))


def test_the_page_has_examples() -> None:
    assert len([*rows("| schedule | fires |")]) > 20
    assert len([*rows("| written | refused with |")]) > 10
