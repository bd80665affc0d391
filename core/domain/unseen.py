"""Characters that a reader does not see, or that make the reader see another text than the one that is stored."""

from __future__ import annotations

import unicodedata

LINE_BREAKS_AND_TABS = frozenset("\n\t")
JOINERS_AND_MARKS = frozenset("\u200c\u200d\u200e\u200f\u061c")
"""Invisible, but part of how Persian, Arabic, Hebrew and joined emoji are written; none reorders what follows."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def unseen_in(text: str, *, allowed: frozenset[str] = frozenset()) -> str | None:
    """The first such character as `U+202E`: control and format characters (among them those that turn the direction
    of writing), separators of lines and paragraphs, halves of surrogate pairs. None when there is none.

    A carriage return is allowed where a line feed is, right before it.
    """
    if "\n" in allowed:
        text = text.replace("\r\n", "\n")
    found = next((each for each in text if unicodedata.category(each) in _UNSEEN and each not in allowed), None)
    return f"U+{ord(found):04X}" if found is not None else None
