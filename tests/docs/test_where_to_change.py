"""The table "Where do I change …" of docs/architecture.md names files that exist, and all that such changes touch.

For each of ten changes a pattern finds what the change would have to follow, and every file of the product that it
finds is in the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "adapters", "api_facade", "flows", "deployments", "eve")

EVERYDAY = {
    "how long a retry waits": r"\bdef delay_before_retry\b",
    "the jitter of a retry's wait": r"\bJITTER\b",
    "a metric": r"self\._(?:gauge|counter|histogram)\(",
    "an alert channel": r"\b(?:Webhook|Apprise|PrefectEvent)Channel\b",
    "an assertion of http tasks": r"\b(?:JsonPathEquals|Contains)\b",
    "a system task": r"\bStateCleanup\b|\bstate[_-]cleanup\b",
    "an overlap rule, such as `replace`": r"\bCANCEL_RUNNING\b|\bcancel_running\b",
    "a field of a task, such as `owner`": r"\bdefinition\.description\b",
    "a schedule's single date (`@at`)": r"\bAt\(|\bEveryDays\b",
    "a dependency that `/status` shows": r"\bProbe\(",
}


def rows() -> Mapping[str, frozenset[str]]:
    """The files of each row."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    section = page.partition("## Where do I change …")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)[1:]
    return {what: frozenset(re.findall(r"`([\w./]+\.(?:py|md|yaml))`", files)) for what, files in lines}


def files_with(pattern: str) -> set[str]:
    """The product's files that mention it."""
    files = (file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
    return {str(file.relative_to(ROOT)) for file in files if re.search(pattern, file.read_text())}


def test_the_table_has_twenty_rows_and_names_files_that_exist() -> None:
    assert len(rows()) >= 20
    assert all(rows().values())
    assert [file for files in rows().values() for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("change", EVERYDAY)
def test_an_everyday_change_touches_the_files_that_the_table_names_and_no_other(change: str) -> None:
    found = files_with(EVERYDAY[change])
    assert found, "the pattern finds nothing any more"
    assert found <= rows()[change]
