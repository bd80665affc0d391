"""Every setting is documented with its real default, and every documented variable is a setting.

Each setting is in one table of docs/ whose head is `| variable | default | …`. A row may hold several variables, and
their defaults in the same order; a dash says that there is none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from falcon_scheduler.adapters.settings.names import (
    OWN_GROUPS,
    READ_ELSEWHERE,
    known_names,
    plugin_groups,
    shared_prefixes,
)
from falcon_scheduler.core.domain.duration import format_duration

ROOT = Path(__file__).parents[2]
NONE = "\N{EN DASH}"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def documented() -> Iterator[tuple[str, str]]:
    """Variable and default of every row of every table of settings."""
    for page in PAGES:
        for table in re.findall(r"^\| variable \| default \|.*\n((?:\|.*\n)+)", page.read_text(), re.MULTILINE):
            for row in table.splitlines()[1:]:
                names, defaults = (cell.strip() for cell in row.split("|")[1:3])
                yield from zip(names.split(", "), defaults.split(", "), strict=True)


def real_defaults() -> dict[str, str]:
    groups = (*OWN_GROUPS, *plugin_groups())
    fields = (
        (f"{group.model_config.get('env_prefix', '')}{name}".upper(), field)
        for group in groups
        for name, field in group.model_fields.items()
    )
    real = {name: _text(field.get_default(call_default_factory=True, validated_data={})) for name, field in fields}
    return real | dict.fromkeys(READ_ELSEWHERE, NONE)


def _text(value: object) -> str:
    match value:
        case None | "" | ():
            return NONE
        case bool():
            return str(value).lower()
        case timedelta():
            return re.sub(r"(?<=[hm])0[ms](?:0s)?$", "", format_duration(value))
        case date():
            return value.isoformat()
        case int():
            return str(value)
        case float():
            return f"{value:g}"
        case _:
            return f"`{value}`"


def test_every_setting_is_documented_once_and_every_documented_variable_is_a_setting() -> None:
    counted = Counter(name.strip("`") for name, _ in documented())
    assert counted == Counter(known_names())


def test_the_documented_default_is_the_one_that_holds() -> None:
    real = real_defaults()
    assert {name.strip("`"): default for name, default in documented()} == real


def test_no_page_mentions_a_variable_that_nobody_reads() -> None:
    ours = "|".join(("SCHEDULER_", *shared_prefixes()))
    mentioned = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(rf"(?<![A-Z_])(?:{ours})[A-Z][A-Z_]*[A-Z](?![A-Z_]|…|\*)", page.read_text())
    }
    assert mentioned
    assert {(page, name) for page, name in mentioned if name not in known_names()} == set()
