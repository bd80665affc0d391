"""What counts as a number: numbers. Text and booleans do not; a whole double is the whole number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from falcon_scheduler.adapters.system_tasks.installed import installed
from falcon_scheduler.core.domain.work import WorkContext
from falcon_scheduler.flows.catalog import Catalog
from falcon_scheduler.flows.executors.registry import Registry
from falcon_scheduler.flows.executors.system import read_parameters
from falcon_scheduler.flows.system.parameters import StateCleanupParameters
from tests.executors.bench import Bench

URL = {"url": "https://api.example.com/"}


@dataclass
class Sized:
    size: int
    share: float = 0.5
    on: bool = True


class Nested(BaseModel):
    inner: Sized
    sizes: list[int | None] = []


class Sizing:
    """An executor that returns its parameters."""

    config_schema = Sized

    async def execute(self, context: WorkContext) -> Any:
        return repr(context.parameters["size"])


def count(size: int, nested: Nested | None = None, share: float = 0.5) -> str:
    return f"{size!r} {nested!r} {share!r}"


@pytest.fixture
def registry(bench: Bench) -> Registry:
    bench.registry.register_executor("sizing", Sizing())
    bench.registry.register_function(count, module="tests")
    return bench.registry


def config_of(kind: str, size: object) -> tuple[str, dict[str, Any], str]:
    """A config with a value where a whole number is wanted, its type, and the value's place."""
    configs: dict[str, tuple[str, dict[str, Any], str]] = {
        "http": ("http", {**URL, "expected_code": size}, "config.expected_code"),
        "http list": ("http", {**URL, "expected_codes": [size]}, "config.expected_codes.0"),
        "executor": ("sizing", {"size": size}, "config.size"),
        "custom": ("custom", {"executor": "sizing", "parameters": {"size": size}}, "config.parameters.size"),
        "function": (
            "function",
            {"module": "tests", "function_name": "count", "parameters": {"size": size}},
            "config.parameters.size",
        ),
        "nested": (
            "function",
            {
                "module": "tests",
                "function_name": "count",
                "parameters": {"size": 1, "nested": {"inner": {"size": size}, "sizes": [1, 2.0]}},
            },
            "config.parameters.nested.inner.size",
        ),
    }
    return configs[kind]


KINDS = ["http", "http list", "executor", "custom", "function", "nested"]


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (kind, size)
        for kind in KINDS
        for size in ("200", True, 200.5, "2e2", [200], None)
        if kind != "http list" or not isinstance(size, str)  # where text is a range: "200-204"
    ],
)
def test_what_is_no_whole_number_is_refused_by_its_field(registry: Registry, kind: str, size: object) -> None:
    type, config, location = config_of(kind, size)
    assert location in {fault.location for fault in registry.faults(type, config)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_double_is_the_number_that_it_represents(registry: Registry, kind: str) -> None:
    for size in (200, 200.0):
        type, config, _ = config_of(kind, size)
        assert registry.faults(type, config) == []


async def test_what_runs_gets_the_number(bench: Bench, registry: Registry) -> None:
    assert (await bench.run("sizing", {"size": 200.0})).output == "200"
    nested = {"inner": {"size": 3.0, "share": 2.0}, "sizes": [1.0, None]}
    config = {
        "module": "tests",
        "function_name": "count",
        "parameters": {"size": 2.0, "nested": nested, "share": 1.0},
    }
    read = "2 Nested(inner=Sized(size=3, share=2.0, on=True), sizes=[1, None]) 1.0"
    assert (await bench.run("function", config)).output == read


async def test_what_an_earlier_release_accepted_still_runs_and_a_run_gives_no_more_of_it(
    bench: Bench, registry: Registry
) -> None:
    stored = {"size": "7"}
    assert [fault.location for fault in registry.faults("sizing", stored)] == ["config.size"]
    assert registry.faults("sizing", stored, {}) == []
    assert (await bench.run("sizing", stored)).output == "7"
    assert [fault.location for fault in registry.faults("sizing", stored, {"size": "8"})] == ["parameters.size"]
    assert not (await bench.run("sizing", {"size": 1}, size="8")).success


@pytest.mark.parametrize("given", ["24", True, 24.5])
def test_a_system_task_takes_no_text_for_a_number(registry: Registry, given: object) -> None:
    faults = Catalog(registry, installed().tasks).faults(
        "system", {"task_name": "state_cleanup"}, {"retention_hours": given}
    )
    assert [fault.location for fault in faults] == ["parameters.retention_hours"]


def test_a_system_task_takes_what_go_stores(registry: Registry) -> None:
    config: dict[str, Any] = {"task_name": "state_cleanup", "parameters": {"retention_hours": 24.0}}
    assert Catalog(registry, installed().tasks).faults("system", config, {}) == []
    assert read_parameters(StateCleanupParameters, config["parameters"]).retention_hours == 24
    health = {"task_name": "health_check", "parameters": {"timeout": 30_000_000_000}}
    assert Catalog(registry, installed().tasks).faults("system", health, {}) == []
