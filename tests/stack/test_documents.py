"""The pages, pasted: every shell block of README.md, docs/ and examples/, in order, on one running stack.

A page gets one shell, so that what a block sets is there for the next. Only the addresses are other ones.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks_of, fixed, is_shown_by
from tests.stack.running_stack import Up, clean_environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TO_RUN = {
    page: [block for block in blocks_of(page) if block.language == "bash" and not block.reason] for page in PAGES
}
_CHANGES = re.compile(r"-X (?:POST|PUT|DELETE)| -d |=\$\(|>|\.sh\b")
_PROBLEM = re.compile(r'"status":(?:4|5)\d\d,"detail"')
_END = "the block has ended with"


class Terminal:
    """A shell in a folder that looks like the checkout, for one page."""

    def __init__(self, up: Up, folder: Path) -> None:
        for name in ("examples", "prefect.yaml"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        self._up = up
        environment = clean_environment(SCHEDULER_HOME=str(up.home), FALCON_URL=up.api_url.removesuffix("/scheduler"))
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def paste(self, text: str) -> tuple[str, int]:
        """What a block writes, and how its last command ends."""
        assert self._shell.stdin is not None
        pasted = text.replace("127.0.0.1:8000", f"127.0.0.1:{self._up.port}")
        self._shell.stdin.write(f"{pasted}\necho '{_END}' $?\n".encode())
        self._shell.stdin.flush()
        output = self._read_to_the_end(time.monotonic() + 120)
        text, _, code = output.rpartition(_END)
        return text.replace(f":{self._up.port}", ":8000"), int(code)

    def _read_to_the_end(self, deadline: float) -> str:
        assert self._shell.stdout is not None
        output = b""
        while not re.search(rf"{_END} \d+\n$", output.decode(errors="replace")):
            assert time.monotonic() < deadline, output.decode()
            if select.select([self._shell.stdout], [], [], 1)[0]:
                piece = os.read(self._shell.stdout.fileno(), 65536)
                assert piece, output.decode()
                output += piece
        return output.decode()

    def close(self) -> None:
        self._shell.communicate(timeout=30)


@pytest.fixture
def terminal(up: Up, tmp_path: Path) -> Iterator[Terminal]:
    """The terminal of one page. What the page created is deleted behind it."""
    terminal = Terminal(up, tmp_path)
    yield terminal
    terminal.close()
    with up.client() as client:
        made = [task["id"] for task in client.get("/tasks", params={"page_size": 100}).json()["tasks"]]
        client.post("/tasks/bulk", json={"operation": "delete", "task_ids": made})


@pytest.mark.parametrize("page", [page for page, blocks in TO_RUN.items() if blocks], ids=str)
def test_every_block_of_a_page_does_what_the_page_shows(terminal: Terminal, page: Path) -> None:
    problems = [problem for block in TO_RUN[page] if (problem := _problem_of(terminal, block))]
    assert not problems, "\n\n".join(problems)


def _problem_of(terminal: Terminal, block: Block) -> str | None:
    """What is different from the page when a block is pasted."""
    output, code = terminal.paste(block.text)
    if block.output is not None and not _CHANGES.search(block.text):
        deadline = time.monotonic() + 60
        while not is_shown_by(block.output, output) and time.monotonic() < deadline:  # it shows what comes of itself
            time.sleep(1)
            output, code = terminal.paste(block.text)
    if code != 0 or (block.output is None and _PROBLEM.search(output)):
        return f"{block}: {output}"
    if block.output is not None and not is_shown_by(block.output, output):
        return f"{block} shows\n{block.output}\nbut there came\n{output}"
    return None


def test_the_start_is_as_the_readme_shows_it(up: Up) -> None:
    shown = next(block.output for block in blocks_of(Path("README.md")) if block.text == "make up\n")
    assert shown is not None
    written = {fixed(line).strip() for line in up.output.replace(f":{up.port}", ":8000").splitlines()}
    written = {line.replace(f":{up.prefect_port}", ":4200") for line in written}
    missing = [line for line in shown.splitlines() if line.strip("… ") and not _is_among(line, written)]
    assert missing == []


def _is_among(line: str, written: set[str]) -> bool:
    return any(is_shown_by(line, other) for other in written)
