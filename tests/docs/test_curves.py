"""The pictures of growth show the stored figures."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.curves import CHARTS, PICTURES, Chart, drawn


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_picture_is_drawn_from_its_stored_figures_and_shown_in_the_page(chart: Chart) -> None:
    picture = drawn(chart)
    assert (PICTURES / f"{chart.name}.svg").read_text() == picture
    texts = [each.text for each in ElementTree.fromstring(picture).iter() if each.text]  # noqa: S314 - it is ours
    assert all(any(text.startswith(f"{curve.label}: ") for text in texts) for curve in chart.curves)
    assert f"(pictures/{chart.name}.svg)" in (PICTURES.parent / "performance.md").read_text()
