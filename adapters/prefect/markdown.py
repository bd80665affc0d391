"""Text of users for places that Prefect's UI renders as markdown, escaped so that it is shown as it was written."""

from __future__ import annotations

import re

# Emphasis, code, links, images, HTML, tables, struck text, entities, mail addresses. Source: CommonMark 0.31; GFM.
_ANYWHERE = re.compile(r"[\\`*_\[\]<>|~@&]|!(?=\[)")
# What GFM makes a link of: `https://…`, `mailto:…`, `www.…`.
_LINK = re.compile(r":(?=\S)|(?<=www)\.", re.IGNORECASE)
# Headings and what underlines them, quotes, lists, rules; only at the start of a line.
_LINE_START = re.compile(r"^(\d+)?([#+=.)-])", re.MULTILINE)


def as_text(text: str) -> str:
    """Markdown that is shown as `text`. Space at the start of a line is dropped, for it would make a code block."""
    lines = (line.strip() for line in text.splitlines())
    escaped = _ANYWHERE.sub(r"\\\g<0>", "\n".join(lines))
    return _LINE_START.sub(r"\1\\\2", _LINK.sub(r"\\\g<0>", escaped))
