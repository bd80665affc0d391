"""The glossary explains terms that are in use, and names rooms that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_mentions import FILES, ROOMS, ROOT

PAGE = Path("docs/glossary.md")
_ROW = re.compile(r"^\| ([a-z][^|]*) \| ([a-z][^|]*) \| (.+) \|$", re.MULTILINE)
ROWS = [row for row in _ROW.findall((ROOT / PAGE).read_text()) if row[0] != "term"]
TERMS = [(term, rooms) for names, rooms, _ in ROWS for term in names.split(", ")]


def test_the_glossary_explains_the_terms_that_a_newcomer_meets_first() -> None:
    explained = {term for term, _ in TERMS}
    assert {"task", "execution", "deployment", "flow run", "worker", "lease", "mirror", "facade"} <= explained
    assert len(explained) == len(TERMS), "a term is explained twice"


@pytest.mark.parametrize(("term", "rooms"), TERMS, ids=lambda value: value)
def test_a_term_of_the_glossary_is_used_in_a_room_that_it_names(term: str, rooms: str) -> None:
    assert all(room.partition("/")[0] in ROOMS and (ROOT / room).is_dir() for room in rooms.split(", "))
    spelled = re.compile(r"[\s_-]+".join(re.split("[ -]", term)), re.IGNORECASE)
    rooms_and_pages = (*rooms.split(", "), "docs", "README.md")
    texts = (ROOT / file for file in FILES if file != PAGE and str(file).startswith(rooms_and_pages))
    assert any(spelled.search(path.read_text()) for path in texts if path.suffix in {".py", ".md"})


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_pages_that_newcomers_read_first_link_the_glossary(page: str) -> None:
    assert "glossary.md)" in (ROOT / page).read_text()
