"""The fenced blocks of README.md, docs/ and examples/: what they are in, and what their readers are shown as output.

A `bash` block is pasted as it is, so it holds no prompt and no comment (zsh takes one for arguments). A `text` block
right after it is its output, `…` standing for anything. A comment `<!-- not run: REASON -->` right before a block
says why no test runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    page.relative_to(ROOT)
    for page in (
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    )
)
SHELL = frozenset({"bash", "sh", "shell", "console"})

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n)?"
    r"^```(?P<language>\w*)\n(?P<text>.*?)^```$"
    r"(?:\n+^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "<instant>"),
    (re.compile(r'"\d+(?:\.\d+)?(?:µs|ms|s)"'), '"<duration>"'),
    (re.compile(r"\(\d+\.\d s\)"), "(<duration>)"),
)


@dataclass(frozen=True, slots=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    output: str | None = None
    """What the page shows as its output."""
    reason: str | None = None
    """Why no test runs it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    text = (ROOT / page).read_text()
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["text"], found["output"], found["reason"])


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks_of(page)]


def shell_blocks() -> list[Block]:
    return [block for block in all_blocks() if block.language in SHELL]


def fixed(text: str) -> str:
    """A text without what differs from run to run: ids, instants, short durations."""
    for pattern, name in _VOLATILE:
        text = pattern.sub(name, text)
    return text


def is_shown_by(shown: str, output: str) -> bool:
    """Whether a page may show `shown` for `output`. White space does not count: pages wrap long lines."""
    parts = ["".join(fixed(part).split()) for part in shown.split("…")]
    pattern = ".*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, "".join(fixed(output).split()), re.DOTALL) is not None
