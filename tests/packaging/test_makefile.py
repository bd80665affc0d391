"""Which lock a make target sets the environment up from, and when it does so again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-local.lock", "requirements-dev.lock")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose files are an hour old and whose environment has not been set up."""
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
        _set_age(tmp_path / name, hours=1)
    for name in ("package.json", "package-lock.json"):
        (tmp_path / "web").mkdir(exist_ok=True)
        shutil.copy(ROOT / "web" / name, tmp_path / "web" / name)
    (tmp_path / ".venv").mkdir()
    return tmp_path


def _set_age(file: Path, hours: float) -> None:
    then = file.stat().st_ctime - hours * 3600
    os.utime(file, (then, then))


def locks_set_up_by(target: str, checkout: Path) -> list[str]:
    """The locks that `make` would install, without installing them."""
    done = subprocess.run(
        ["make", "--dry-run", target, f"PYTHON={sys.executable}"], cwd=checkout, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [lock for lock in LOCKS if f"--require-hashes -r {lock}" in done.stdout]


def set_up(target: str, checkout: Path) -> None:
    """Leave the marks in the environment that the target's own commands leave there."""
    done = subprocess.run(
        ["make", "--dry-run", target, f"PYTHON={sys.executable}"], cwd=checkout, capture_output=True, text=True
    )
    for line in done.stdout.splitlines():
        if line.startswith("touch "):
            subprocess.run(line.split(), cwd=checkout, check=True)


def test_up_installs_no_test_tools_and_tests_and_checks_install_all(checkout: Path) -> None:
    assert locks_set_up_by("up", checkout) == ["requirements-local.lock"]
    for target in ("test", "test-fast", "lint", "types", "imports", "install"):
        assert locks_set_up_by(target, checkout) == ["requirements-dev.lock"]


def test_after_up_the_tests_add_their_tools_and_up_has_nothing_more_to_do(checkout: Path) -> None:
    set_up("up", checkout)
    assert locks_set_up_by("up", checkout) == []
    assert locks_set_up_by("test", checkout) == ["requirements-dev.lock"]
    set_up("test", checkout)
    assert locks_set_up_by("test", checkout) == []
    assert locks_set_up_by("up", checkout) == []


def test_a_new_lock_is_installed_by_each_target_that_uses_it(checkout: Path) -> None:
    set_up("test", checkout)
    for mark in (checkout / ".venv").iterdir():
        _set_age(mark, hours=0.5)
    (checkout / "requirements-dev.lock").touch()
    assert locks_set_up_by("up", checkout) == []
    (checkout / "requirements-local.lock").touch()
    assert locks_set_up_by("up", checkout) == ["requirements-local.lock"]
    set_up("up", checkout)
    assert locks_set_up_by("up", checkout) == []
    assert locks_set_up_by("test", checkout) == ["requirements-dev.lock"]
