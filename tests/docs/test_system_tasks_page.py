"""The example of docs/system-tasks.md is the one that is tested."""

from __future__ import annotations

from tests.docs.blocks import ROOT, blocks_of

EXAMPLE = ROOT / "examples/system_task_plugin"


def test_the_page_shows_the_example_as_it_is() -> None:
    shown = [block.text for block in blocks_of(ROOT / "docs/system-tasks.md") if block.language == "python"]
    assert [text.strip() for text in shown] == [(EXAMPLE / "shop_tasks.py").read_text().strip()]


def test_the_page_names_the_entry_point_of_the_example() -> None:
    (shown,) = [block.text for block in blocks_of(ROOT / "docs/system-tasks.md") if block.language == "toml"]
    assert 'shop = "shop_tasks:SHOP"' in shown
    assert 'shop = "shop_tasks:SHOP"' in (EXAMPLE / "pyproject.toml").read_text()
