"""What the image is built from: the product's lock, and every file that a step of the Dockerfile copies."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "deployments" / "containers"
DOCKERFILE = (CONTAINERS / "Dockerfile").read_text()
WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
ROOMS = {link.name for package in WHEEL["packages"] for link in (ROOT / package).iterdir() if link.is_symlink()}


def copied() -> set[str]:
    """What its steps copy from the checkout."""
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return {name for group in sources for name in group.split()}


def test_every_copied_file_exists_and_is_let_through_to_the_build() -> None:
    let_through = re.findall(r"^!(\S+)$", (CONTAINERS / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert copied() == set(let_through)
    assert all((ROOT / name).exists() for name in copied())


def test_the_wheel_is_made_from_the_package_and_from_every_room_that_it_links_to() -> None:
    assert len(ROOMS) >= 5
    assert copied() >= {"pyproject.toml", "README.md", *WHEEL["packages"], *ROOMS}


def test_the_environment_that_reaches_the_image_holds_the_product_lock_alone() -> None:
    installs = re.findall(r"(/opt/\w+)/bin/pip install .*-r (\S+)", DOCKERFILE)
    assert set(installs) == {("/opt/build", "requirements-build.lock"), ("/opt/falcon", "requirements.lock")}
    assert re.findall(r"^COPY --from=build (\S+)", DOCKERFILE, re.MULTILINE) == ["/opt/falcon"]
