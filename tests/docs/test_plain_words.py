"""Comments, docstrings and pages use the verbs of the field: send, report, read, write. Idioms do not come back."""

from __future__ import annotations

import re

from tests.docs.test_mentions import prose

BANNED = re.compile(
    r"\b(?:tell|tells|telling|told|stands|stood|sees? to it|by (?:its|their|our) words?|the other side|hears?|heard"
    r"|owes?|meanwhile|mends?|mended|taken in|bears?)\b",
    re.IGNORECASE,
)
ALLOWED = (
    "tells the offset",
    "what stands behind the star",
    "stands for the value",
)
"""Phrases of the schedule grammar."""


def test_prose_uses_no_idiom_that_a_reader_has_to_decode() -> None:
    found = [
        f"{mention.file}:{mention.line + number}: {line.strip()}"
        for mention in prose()
        if mention.file.suffix in {".py", ".md"} and mention.file.name != "test_plain_words.py"
        for number, line in enumerate(mention.text.splitlines())
        if BANNED.search(line) and not any(phrase in line for phrase in ALLOWED)
    ]
    assert found == []


def test_the_list_finds_an_idiom_and_lets_plain_words_pass() -> None:
    assert BANNED.search("The channel is told once.")
    assert not BANNED.search("The scheduler sends the message once. Understanding a retelling is fine.")
