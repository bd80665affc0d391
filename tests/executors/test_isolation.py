"""Functions and executors say whether their runs need a process of their own."""

from __future__ import annotations

from typing import Any

import pytest

from falcon_scheduler.flows.executors import function as functions
from falcon_scheduler.flows.executors.arguments import PluginError
from falcon_scheduler.flows.executors.registry import Registry
from tests.executors.bench import Bench


@pytest.fixture
def registry(bench: Bench) -> Registry:
    return bench.registry


async def waiting() -> None: ...


def blocking() -> None: ...


@functions.function(isolation="shared")
async def decorated() -> None: ...


class Plain:
    async def execute(self, context: Any) -> None: ...


class Sharing(Plain):
    isolation = "shared"


def calls(name: str) -> dict[str, object]:
    return {"module": "m", "function_name": name}


def test_by_default_each_run_has_a_process_of_its_own(registry: Registry) -> None:
    registry.register_function(waiting, module="m")
    registry.register_executor("plain", Plain)
    assert not registry.shares("function", calls("waiting"))
    assert not registry.shares("custom", {"executor": "plain"})
    assert not registry.shares("plain", {})
    assert not registry.shares("system", {})


def test_those_that_ask_for_it_share_one_as_http_tasks_do(registry: Registry) -> None:
    registry.register_function(waiting, module="m", isolation="shared")
    registry.register_function(decorated, module="m")
    registry.register_executor("sharing", Sharing)
    registry.register_executor("asked", Plain(), isolation="shared")
    assert registry.shares("http", {})
    assert registry.shares("function", calls("waiting"))
    assert registry.shares("function", calls("decorated"))
    assert registry.shares("sharing", {})
    assert registry.shares("custom", {"executor": "asked"})
    assert {each.name: each.isolation for each in registry.catalog()} == {
        "http": "shared",
        "builtin.echo": "process",
        "builtin.noop": "process",
        "builtin.sleep": "process",
        "m.waiting": "shared",
        "m.decorated": "shared",
        "sharing": "shared",
        "asked": "shared",
    }


def test_what_is_given_at_the_registration_overrides_what_the_code_says(registry: Registry) -> None:
    registry.register_executor("sharing", Sharing, isolation="process")
    assert not registry.shares("sharing", {})


class Blocking:
    isolation = "shared"

    def execute(self, context: Any) -> None: ...


@pytest.mark.parametrize(
    ("register", "problem"),
    [
        (lambda all: all.register_function(blocking, module="m", isolation="shared"), "'m.blocking' .* not async"),
        (lambda all: all.register_function(waiting, module="m", isolation="x"), "one of process, shared, not 'x'"),
        (lambda all: all.register_executor("e", Blocking), "'e' .* not async"),
    ],
)
def test_code_that_would_block_the_others_and_unknown_values_stop_the_start(
    registry: Registry, register: Any, problem: str
) -> None:
    with pytest.raises(PluginError, match=problem):
        register(registry)


@pytest.mark.parametrize("config", [{}, calls("unknown"), {"module": 7}])
def test_what_can_not_be_called_does_not_share(registry: Registry, config: dict[str, object]) -> None:
    assert not registry.shares("function", config)
    assert not registry.shares("custom", config)
    assert not registry.shares("unknown", config)
