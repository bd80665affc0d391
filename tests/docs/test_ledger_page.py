"""The tables of docs/ledger.md are those of the code: fates, reasons with their fates, causes, and facts."""

from __future__ import annotations

import re
from pathlib import Path

from falcon_scheduler.core.domain.explanation import SENTENCES, WHAT_TO_DO, Cause
from falcon_scheduler.core.domain.occurrence import FATE_OF, Fate, Reason

PAGE = Path("docs/ledger.md")


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_fate_is_documented() -> None:
    assert [name for name, _ in rows("Fates")] == [*Fate]


def test_every_reason_is_documented_with_its_fate() -> None:
    assert [(name, fate) for name, fate, _ in rows("Reasons")] == [(each, FATE_OF[each]) for each in Reason]
    assert all(text.endswith(".") for *_, text in rows("Reasons"))


def test_every_cause_is_documented_with_its_sentence_and_what_to_do() -> None:
    assert [tuple(row) for row in rows("Explain")] == [(each, SENTENCES[each], WHAT_TO_DO[each]) for each in Cause]


def test_every_reason_is_a_cause() -> None:
    assert {str(each) for each in Reason} <= {str(each) for each in Cause}


def test_every_fact_is_documented_and_has_a_label_on_the_page() -> None:
    code = "".join(each.read_text() for each in Path("core/services/ledger").glob("*.py"))
    calls = re.findall(r'\b(?:text|at|length)\(\s*"([a-z_]+)"', code)
    named = {*calls, str(Cause.START_DATE), str(Cause.END_DATE)}
    documented = [name for name, _ in rows("Facts")]
    assert documented == sorted(named)
    labels = Path("web/texts.js").read_text().split("facts: {")[1].split("}")[0]
    assert {*re.findall(r"^\s*([a-z_]+):", labels, re.MULTILINE)} == named - {"audit_entry", "execution"}, "links"
