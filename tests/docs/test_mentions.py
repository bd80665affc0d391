"""What prose points to is there: files, modules and their members, links and decisions."""

from __future__ import annotations

import ast
import importlib
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.syntax import syntax_of

ROOT = Path(__file__).parents[2]
_TRACKED = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).split()
FILES = tuple(Path(name) for name in _TRACKED if (ROOT / name).is_file())
TOP = frozenset(file.parts[0] for file in FILES)
NAMES = frozenset(file.name for file in FILES)
FOLDERS = frozenset(str(parent) for file in FILES for parent in file.parents)
ROOMS = ("core", "adapters", "api_facade", "flows", "deployments", "eve")
PACKAGES = (*ROOMS, "tests", "benchmarks")
PLAIN_TEXT = {".md", ".yaml", ".toml", ".sh", ""}
MADE_AT_RUN_TIME = {"requirements.txt"}

_PATH = re.compile(
    r"(?<![\w/.{}<>$~*-])\.?[\w-][\w.-]*(?:/[\w.*-]+)+/?|(?<![\w/.{}<>$~*-])[\w-]+\.(?:py|md|yaml|toml|lock|sh)\b"
)
_DOTTED = re.compile(rf"(?<![\w./-])(?:falcon_scheduler\.)?(?:{'|'.join(PACKAGES)})(?:\.\w+)+(?![\w/]|\.\w)")
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")
_DECISION = re.compile(r"[Dd]ecisions? ((?:\d{4})(?:(?:, | and )\d{4})*)")


class Mention(NamedTuple):
    file: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@cache
def prose() -> tuple[Mention, ...]:
    """The comments and docstrings of code, and every line of documents and configuration."""
    return tuple(_read_prose())


def _read_prose() -> Iterator[Mention]:
    for file in FILES:
        if file.suffix == ".py":
            yield from _prose_of_code(file)
        elif file.suffix in PLAIN_TEXT and not file.name.startswith("requirements"):
            lines = (ROOT / file).read_text().splitlines()
            yield from (Mention(file, number, line) for number, line in enumerate(lines, 1))


def _prose_of_code(file: Path) -> Iterator[Mention]:
    text = (ROOT / file).read_text()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Mention(file, token.start[0], token.string)
    for node in ast.walk(syntax_of(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield Mention(file, node.lineno, node.value.value)


def test_every_file_that_prose_names_exists() -> None:
    missing = [
        str(mention._replace(text=path))
        for mention in prose()
        for path in _PATH.findall(mention.text)
        if _is_ours(path) and not _exists(path.rstrip("./"), mention.file)
    ]
    assert missing == []


def _is_ours(path: str) -> bool:
    """Whether it is said to be in the repository: it begins with one of its folders, or is a bare name of a file."""
    return path not in MADE_AT_RUN_TIME and ("/" not in path or path.partition("/")[0] in TOP)


def _exists(path: str, said_in: Path) -> bool:
    if "/" not in path:
        return path in NAMES or path in FOLDERS
    if path.startswith("docs/decisions/") and path.count("/") == 2:
        return any((ROOT / "docs" / "decisions").glob(f"{path.rpartition('/')[2]}*"))
    return any((base / path).exists() or any(base.glob(path)) for base in (ROOT, ROOT / said_in.parent))


def test_every_module_member_that_prose_names_exists() -> None:
    missing = [
        str(mention._replace(text=name))
        for mention in prose()
        for name in _DOTTED.findall(mention.text)
        if name.rpartition(".")[2] not in ("py", "md", "yaml") and not _resolves(name)
    ]
    assert missing == []


@cache
def _resolves(name: str) -> bool:
    parts = name.split(".")
    if parts[0] in ROOMS:  # prose may leave the package's name out
        parts.insert(0, "falcon_scheduler")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        return all((found := getattr(found, part, None)) is not None for part in parts[length:])
    return False


@pytest.mark.parametrize("page", [file for file in FILES if file.suffix == ".md"], ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = _LINK.findall((ROOT / page).read_text())
    broken = [link for link in links if not _leads_somewhere(ROOT / page, link)]
    assert broken == []


def _leads_somewhere(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    return file.exists() and (not anchor or anchor in _anchors(file))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_decision_that_prose_names_was_taken() -> None:
    taken = {file.name[:4] for file in FILES if file.parent == Path("docs/decisions")}
    missing = [
        str(mention._replace(text=number))
        for mention in prose()
        for numbers in _DECISION.findall(mention.text)
        for number in re.findall(r"\d{4}", numbers)
        if number not in taken
    ]
    assert missing == []
