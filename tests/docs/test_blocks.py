"""Every block of the pages is sound, and what no test runs still names programs, targets and options that exist."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import PAGES, ROOT, Block, all_blocks, is_shown_by, shell_blocks

NOT_RUN = [block for block in shell_blocks() if block.reason]
OURS = ("falcon-scheduler", "prefect", "uvicorn")
FROM_ELSEWHERE = frozenset(
    {"curl", "docker", "haproxy", "mongod", "mongosh", "openssl", "pip", "valkey-server", "redis-server"}
)
BUILT_IN = frozenset({"cd", "eval", "export", "source", "."})
_PROGRAMS = "|".join((*OURS, *FROM_ELSEWHERE, "make", "python", "examples"))
_INDENTED_COMMAND = re.compile(rf"^(?: {{4}}|\t)(?:\$ |(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?:{_PROGRAMS})[ /])")


@pytest.mark.parametrize("block", shell_blocks(), ids=str)
def test_a_shell_block_can_be_pasted(block: Block) -> None:
    assert block.language == "bash"
    assert not re.search(r"^[$>] |(?:^|\s)# ", block.text, re.MULTILINE), "a prompt or a comment"
    checked = subprocess.run(["bash", "-n"], input=block.text, text=True, capture_output=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_command_hides_in_an_indented_block(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    assert [line for line in text.splitlines() if _INDENTED_COMMAND.match(line)] == []


@pytest.mark.parametrize(
    "block", [each for each in all_blocks() if each.language in ("json", "yaml", "toml", "python")], ids=str
)
def test_a_block_of_data_or_code_can_be_read(block: Block) -> None:
    match block.language:
        case "json":
            _read_json_lines(block.text)
        case "yaml":
            yaml.safe_load(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "python":
            compile(block.text, str(block), "exec")


def _read_json_lines(text: str) -> None:
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        _, end = decoder.raw_decode(rest)
        rest = rest[end:].strip()


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_what_is_not_run_names_what_exists(block: Block) -> None:
    for words in _commands(block.text):
        _check(words)


def _commands(text: str) -> list[list[str]]:
    joined = text.replace("\\\n", " ")
    return [_without_assignments(shlex.split(line)) for line in joined.splitlines() if line.strip()]


def _without_assignments(words: list[str]) -> list[str]:
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    return words


def _check(words: list[str]) -> None:
    if not words:
        return
    program = words[0].removeprefix(".venv/bin/")
    if program == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"no target {words[1]}"
    elif program == "python":
        _check_module(words[words.index("-m") + 1], _options(words)) if "-m" in words else _check_script(words)
    elif program in OURS:
        help_text = _help(program, *_subcommands(words))
        assert not [option for option in _options(words) if option not in help_text], words
    else:
        assert program in FROM_ELSEWHERE | BUILT_IN or (ROOT / program).exists(), f"what is {program}?"


def _options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


def _subcommands(words: list[str]) -> tuple[str, ...]:
    names = (word for word in words[1:] if not word.startswith("-"))
    known = {"server", "start", "services", "worker", "database", "upgrade", "deployment", "ls", "deploy"}
    known |= {"up", "down", "env", "token", "status", "migrate", "go-falcon", "check", "back"}
    return tuple(name for name in names if name in known)


@cache
def _help(program: str, *subcommands: str) -> str:
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *subcommands, "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _check_module(module: str, options: list[str]) -> None:
    found = importlib.util.find_spec(f"{module}.__main__") if (ROOT / module.replace(".", "/")).is_dir() else None
    found = found or importlib.util.find_spec(module)
    assert found is not None, f"no module {module}"
    assert found.origin is not None
    source = Path(found.origin).read_text()
    assert not [option for option in options if option not in source], f"{module} has no such option"


def _check_script(words: list[str]) -> None:
    script = next(word for word in words[1:] if not word.startswith("-"))
    assert (ROOT / script).exists(), f"no file {script}"


def test_an_output_is_compared_with_what_a_page_shows_of_it() -> None:
    output = '{"id":"a40b54f5-fde7-4a58-ab65-c86b967f57a7","name":"A","took":"12ms","at":"2026-01-01T00:00:00Z"}\n'
    shown = '{"id":"01a20759-d38c-7f5e-9d61-1283d810a2f4",…,\n "took":"447ms","at":"2026-11-23T07:41:05.449Z"}'
    assert is_shown_by(shown, output)
    assert not is_shown_by(shown, output.replace("at", "on"))
    assert not is_shown_by(shown, output + "more")
