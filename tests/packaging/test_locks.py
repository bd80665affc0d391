"""The four locks agree with pyproject.toml and with each other, and each holds no more than its environment needs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.syntax import syntax_of

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN_PACKAGES = tuple(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])

BUILD, PRODUCT, LOCAL, DEVELOPMENT = (
    "requirements-build.lock",
    "requirements.lock",
    "requirements-local.lock",
    "requirements-dev.lock",
)
EXTRAS = PROJECT["project"]["optional-dependencies"]
ASKED = {
    BUILD: PROJECT["dependency-groups"]["build"],
    PRODUCT: PROJECT["project"]["dependencies"] + EXTRAS["shared"],
    LOCAL: EXTRAS["embedded"] + PROJECT["dependency-groups"]["build"],
    DEVELOPMENT: EXTRAS["dev"],
}
"""What each lock holds beyond the locks that are a part of it."""

COMES_WITH = {"bson": "pymongo", "pydantic_core": "pydantic"}
"""Modules that are a part of the interface of a distribution that pyproject.toml names."""

BROUGHT_BY_PREFECT = {"cronsim"}
"""What our tests ask for and Prefect too."""


@dataclass(frozen=True)
class Pin:
    version: str
    marker: str
    hashes: frozenset[str]


def pins(lock: str) -> Mapping[str, Pin]:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return dict(_pin(line) for line in lines)


def _pin(line: str) -> tuple[str, Pin]:
    asked, *hashes = re.split(r"\s+--hash=", line.strip())
    requirement = Requirement(asked)
    return canonicalize_name(requirement.name), Pin(
        str(requirement.specifier), str(requirement.marker or ""), frozenset(hashes)
    )


@pytest.mark.parametrize(("smaller", "larger"), [(BUILD, LOCAL), (PRODUCT, LOCAL), (LOCAL, DEVELOPMENT)])
def test_each_lock_is_a_part_of_the_next_with_the_same_pins(smaller: str, larger: str) -> None:
    assert pins(smaller)
    assert pins(smaller).items() <= pins(larger).items()


@pytest.mark.parametrize("lock", ASKED)
def test_a_lock_pins_exact_versions_by_hash_and_names_no_address(lock: str) -> None:
    assert all(pin.version.startswith("==") and pin.hashes for pin in pins(lock).values())
    assert not re.search(r"://|^\s*-(?!-hash=)", (ROOT / lock).read_text(), re.MULTILINE)


@pytest.mark.parametrize("lock", ASKED)
def test_a_lock_holds_what_pyproject_asks_for_within_its_bounds(lock: str) -> None:
    held = pins(lock)
    for requirement in map(Requirement, ASKED[lock]):
        version = held[canonicalize_name(requirement.name)].version.removeprefix("==")
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_containers_hold_no_test_tool_no_build_tool_and_no_embedded_server() -> None:
    unwanted = {canonicalize_name(Requirement(text).name) for text in ASKED[LOCAL] + ASKED[DEVELOPMENT]}
    assert {"pytest", "mypy", "ruff", "schemathesis", "secantusdb", "hatchling"} <= unwanted
    assert unwanted & pins(PRODUCT).keys() == BROUGHT_BY_PREFECT


def test_one_machine_needs_no_test_tool() -> None:
    unwanted = {canonicalize_name(Requirement(text).name) for text in ASKED[DEVELOPMENT]}
    assert unwanted & pins(LOCAL).keys() == BROUGHT_BY_PREFECT


def test_the_product_imports_only_what_pyproject_names_as_its_own_requirement() -> None:
    named = {canonicalize_name(Requirement(text).name) for text in ASKED[PRODUCT] + EXTRAS["embedded"]}
    providers = packages_distributions()
    unnamed = {
        module
        for module in _imported_by_the_product()
        if not {COMES_WITH.get(module), *map(canonicalize_name, providers[module])} & named
    }
    assert unnamed == set()


def test_only_the_local_stack_imports_the_embedded_servers() -> None:
    embedded = {canonicalize_name(Requirement(text).name) for text in EXTRAS["embedded"]}
    modules = {
        name for name, by in packages_distributions().items() if {canonicalize_name(each) for each in by} & embedded
    }
    importing = {file for file in _sources() if _imported_modules(file) & modules}
    assert importing
    assert all(file.is_relative_to(ROOT / "deployments" / "stack") for file in importing)


def _sources() -> Iterable[Path]:
    """Of each package and of the rooms that it links to."""
    rooms = (room.resolve() for package in OWN_PACKAGES for room in (ROOT / package).iterdir())
    return (file for room in rooms for file in (room.rglob("*.py") if room.is_dir() else [room]))


def _imported_by_the_product() -> set[str]:
    imported = {module for file in _sources() for module in _imported_modules(file)}
    return imported - set(OWN_PACKAGES) - sys.stdlib_module_names


def _imported_modules(file: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(syntax_of(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.partition(".")[0])
    return modules
