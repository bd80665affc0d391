"""What a release consists of: its version, the wheel, and the list of its parts."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import falcon_scheduler

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".venv" / ".installed"


def made(target: str, dist: Path) -> list[Path]:
    """What a make target writes, with the environment as it is."""
    done = subprocess.run(
        ["make", f"--old-file={INSTALLED.relative_to(ROOT)}", target, f"DIST={dist}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return list(dist.iterdir())


def test_the_changelog_has_a_heading_for_the_version_below_the_unreleased_changes() -> None:
    headings = re.findall(r"^## \[(\S+)\](?: - \d{4}-\d\d-\d\d)?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", falcon_scheduler.__version__]


@pytest.mark.slow
def test_the_wheel_is_one_typed_package_of_that_version_with_its_licence(tmp_path: Path) -> None:
    (file,) = made("wheel", tmp_path)
    with zipfile.ZipFile(file) as wheel:
        names = wheel.namelist()
        info = f"falcon_scheduler-{falcon_scheduler.__version__}.dist-info"
        metadata = Parser().parsestr(wheel.read(f"{info}/METADATA").decode())
    assert {name.partition("/")[0] for name in names} == {"falcon_scheduler", info}
    assert {"falcon_scheduler/py.typed", f"{info}/licenses/LICENSE"} <= set(names)
    assert (metadata["Version"], metadata["License-Expression"]) == (falcon_scheduler.__version__, "MIT")


@pytest.mark.slow
def test_the_list_of_parts_names_each_pin_of_the_product_with_its_hashes(tmp_path: Path) -> None:
    (file,) = made("sbom", tmp_path)
    bom = json.loads(file.read_text())
    described = bom["metadata"]["component"]
    assert (bom["bomFormat"], described["name"], described["version"]) == (
        "CycloneDX",
        "falcon-scheduler",
        falcon_scheduler.__version__,
    )
    lines = re.findall(r"^(\S+==\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    pins = {(pin.name, str(pin.specifier).removeprefix("==")) for pin in map(Requirement, lines)}
    assert {(part["name"], part["version"]) for part in bom["components"]} == pins
    assert all(reference["hashes"] for part in bom["components"] for reference in part["externalReferences"])
    addresses = {url for url in re.findall(r"https?://[^\s\"]+", file.read_text()) if not _is_of_the_format(url)}
    assert not addresses, "a registry is the choice of whoever installs"


def _is_of_the_format(url: str) -> bool:
    return url.startswith("http://cyclonedx.org/schema/")
