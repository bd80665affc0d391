"""The operations page as files: vendored modules are what they were, and everything that is named is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from falcon_scheduler.api_facade.page import INDEX, STYLES, PageFiles
from tests.packaging.web_vendor import CHECKSUMS, PACKAGES, VENDOR, digest

WEB = VENDOR.parent
OWN = sorted(path for path in WEB.rglob("*.js") if VENDOR not in path.parents)
_IMPORTED = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.[^"']+\.js)["']""")
_ADDRESS = re.compile(r"https?://[\w.-]+")
LICENCES_AND_NAMESPACES = {"http://www.w3.org"}


def test_vendored_files_are_what_the_checksums_say() -> None:
    told = json.loads(CHECKSUMS.read_text())
    assert set(told) == {package.name for package in PACKAGES}
    listed = {name: checksum for package in told.values() for name, checksum in package["files"].items()}
    present = {path.name: digest(path.read_bytes()) for path in VENDOR.iterdir() if path != CHECKSUMS}
    assert present == listed
    for package in PACKAGES:
        assert told[package.name]["version"] == package.version
        assert told[package.name]["integrity"].startswith("sha512-")
        assert any(name.startswith("LICENSE.") for name in told[package.name]["files"]), package.name


@pytest.mark.parametrize("module", [*OWN, *VENDOR.glob("*.js")], ids=lambda path: str(path.relative_to(WEB)))
def test_every_module_that_is_imported_is_there(module: Path) -> None:
    for name in _IMPORTED.findall(module.read_text()):
        assert (module.parent / name).resolve().is_file(), name


def test_the_page_asks_no_other_origin() -> None:
    for path in [*OWN, *WEB.glob("style/*.css"), WEB / INDEX]:
        assert set(_ADDRESS.findall(path.read_text())) <= LICENCES_AND_NAMESPACES, path


def test_modules_stay_small() -> None:
    """A module that outgrows this holds more than one thing."""
    long = {str(path.relative_to(WEB)): len(path.read_text().splitlines()) for path in OWN if path.name != "texts.js"}
    assert {name: lines for name, lines in long.items() if lines > 260} == {}


def test_the_page_names_everything_that_it_loads_by_the_digest_of_all_files() -> None:
    files = PageFiles()
    page = files.index.data.decode()
    named = re.findall(rf'"{files.version}/([^"]+)"', page)
    assert "main.js" in named
    for name in named:
        assert files.get(name) is not None, name
    assert "{version}" not in page
    assert "<!-- modules -->" not in page


def test_comments_are_not_sent_and_lines_keep_their_numbers() -> None:
    files = PageFiles()
    for path in OWN:
        file = files.get(str(path.relative_to(WEB)))
        assert file is not None
        sent, written = file.data.decode().split("\n"), path.read_text().split("\n")
        assert len(sent) == len(written), path
        assert not any("/**" in line or line.lstrip().startswith("//") for line in sent), path
        for line, original in zip(sent, written, strict=True):
            is_comment = "*/" in original or re.match(r"\s*(//|/\*\*|\*|@|[A-Z])", original)
            assert line == original.lstrip(" ") or is_comment, (path, original)


def test_the_page_is_light() -> None:
    files = PageFiles()
    weights = {
        name: len(file.packed) for name in files.names if (file := files.get(name)) and not name.endswith(".txt")
    }
    vendored = sum(weight for name, weight in weights.items() if name.startswith("vendor/"))
    assert vendored < 40_000
    assert sum(weights.values()) - vendored < 84_000


def test_the_stylesheets_are_sent_as_one() -> None:
    files = PageFiles()
    sent = files.get("style.css")
    assert sent is not None
    on_disk = list(WEB.rglob("*.css"))
    assert len(on_disk) == len(STYLES)
    own, vendored = [path for path in STYLES if not path.startswith("vendor/")], WEB / STYLES[-1]
    written = b"\n".join((WEB / name).read_bytes() for name in own)
    assert _rules(sent.data.removesuffix(vendored.read_bytes())) == _rules(
        re.sub(rb"/\*.*?\*/", b"", written, flags=re.DOTALL)
    )
    assert files.get("style/theme.css") is None


def _rules(style: bytes) -> list[bytes]:
    return [line.strip() for line in style.splitlines() if line.strip()]
