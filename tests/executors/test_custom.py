"""Executors of plug-ins: known by their `execute`, checked by their `config_schema`, run under both kinds of type."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, NotRequired, cast

import pytest
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from falcon_scheduler.flows.executors.arguments import PluginError
from tests.executors.bench import Bench


@dataclass
class AsDataclass:
    size: int
    label: str = "none"


class AsTypedDict(TypedDict):
    size: int
    label: NotRequired[str]


class AsModel(BaseModel):
    size: int
    label: str = "none"


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    size: int


class Echoing:
    """Give back what was given.

    The rest of this text is not listed.
    """

    async def execute(self, context: Any) -> Any:
        return dict(context.parameters)


class Typed(Echoing):
    config_schema = AsDataclass


class Plain:
    def execute(self, context: Any) -> str:
        context.progress(1, 2)
        return f"attempt {context.attempt} with {context.parameters['size']}"


@pytest.mark.parametrize("schema", [AsDataclass, AsTypedDict, AsModel])
async def test_what_a_task_gives_is_checked_by_the_schema(bench: Bench, schema: Any) -> None:
    bench.registry.register_executor("echoing", Echoing(), schema)
    custom = {"executor": "echoing", "parameters": {"size": 3, "label": "x"}}
    assert bench.faults("custom", custom) == {}
    assert (await bench.run("custom", custom)).output == '{"size": 3, "label": "x"}'
    wrong = {"executor": "echoing", "parameters": {"size": "many", "other": 1}}
    assert set(bench.faults("custom", wrong)) == {"config.parameters.size", "config.parameters.other"}
    result = await bench.run("custom", wrong)
    assert not result.success
    assert not result.retryable


async def test_a_task_of_the_executor_s_own_type_gives_parameters_as_config(bench: Bench) -> None:
    bench.registry.register_executor("echoing", Typed)
    assert (await bench.run("echoing", {"size": 3})).output == '{"size": 3, "label": "none"}'
    assert set(bench.faults("echoing", {"size": "x", "more": 1})) == {"config.size", "config.more"}
    assert set(bench.faults("echoing", {"size": 1}, size="x")) == {"parameters.size"}
    assert "echoing" in bench.registry.types()


async def test_a_run_s_parameters_are_laid_over(bench: Bench) -> None:
    bench.registry.register_executor("echoing", Typed())
    custom = {"executor": "echoing", "parameters": {"size": 3}}
    assert (await bench.run("custom", custom, size=4)).output == '{"size": 4, "label": "none"}'
    assert set(bench.faults("custom", custom, label=1)) == {"parameters.label"}


async def test_a_schema_that_allows_more_is_taken_at_its_word(bench: Bench) -> None:
    bench.registry.register_executor("open", Echoing(), Open)
    assert bench.faults("open", {"size": 1, "more": 2}) == {}
    assert (await bench.run("open", {"size": 1, "more": 2})).output == '{"size": 1, "more": 2}'


async def test_without_a_schema_anything_may_be_given(bench: Bench) -> None:
    bench.registry.register_executor("any", Echoing())
    assert (await bench.run("any", {"a": {"b": [1]}})).output == '{"a": {"b": [1]}}'


async def test_a_plain_execute_runs_beside_the_loop(bench: Bench) -> None:
    bench.registry.register_executor("plain", Plain())
    result = await bench.run("custom", {"executor": "plain", "parameters": {"size": 1}})
    assert result.output == "attempt 1 with 1"
    assert bench.told == [(1, 2, "")]


async def test_an_exception_is_the_error(bench: Bench) -> None:
    class Failing:
        async def execute(self, context: Any) -> None:
            raise RuntimeError(f"token={context.parameters['token']} was refused")

    bench.registry.register_executor("failing", Failing())
    result = await bench.run("failing", {"token": "pl4nted-s3cret"})
    assert result.error == "RuntimeError: token=[concealed] was refused"
    assert result.retryable


async def test_a_cancelled_executor_is_notified_and_the_cancellation_goes_on(bench: Bench) -> None:
    begun, told = asyncio.Event(), asyncio.Event()

    class Waiting:
        async def execute(self, context: Any) -> None:
            begun.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                told.set()
                raise

    bench.registry.register_executor("waiting", Waiting())
    context = bench.context({})
    running = asyncio.ensure_future(cast("Awaitable[Any]", bench.registry.executor_for("waiting").execute(context)))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert told.is_set()


async def test_an_executor_that_is_not_registered_is_named(bench: Bench) -> None:
    assert bench.faults("custom", {"executor": "os.system"}) == {
        "config.executor": "no executor 'os.system' is registered"
    }
    assert not (await bench.run("custom", {"executor": "os.system"})).retryable
    result = await bench.run("never_heard_of", {})
    assert "'never_heard_of'" in result.error
    assert bench.faults("never_heard_of", {}) == {"type": "must be one of http, function, custom"}


@pytest.mark.parametrize("type", ["http", "function", "custom", "system", "", "a b", "os.system", "1st", "x" * 65])
def test_some_types_can_t_be_registered(bench: Bench, type: str) -> None:
    with pytest.raises(PluginError):
        bench.registry.register_executor(type, Echoing())


def test_a_type_is_taken_once_and_must_execute(bench: Bench) -> None:
    bench.registry.register_executor("echoing", Echoing())
    with pytest.raises(PluginError, match="registered already"):
        bench.registry.register_executor("echoing", Echoing())
    with pytest.raises(PluginError, match="no method execute"):
        bench.registry.register_executor("nothing", object())
    with pytest.raises(PluginError, match="config_schema"):
        bench.registry.register_executor("odd", Echoing(), int)


def test_the_catalog_lists_everything_with_its_schema(bench: Bench) -> None:
    bench.registry.register_executor("echoing", Typed())
    entries = {entry.name: entry for entry in bench.registry.catalog()}
    assert list(entries) == ["http", "builtin.echo", "builtin.noop", "builtin.sleep", "echoing"]
    assert (entries["http"].type, entries["http"].kind) == ("http", "http")
    assert entries["http"].schema["properties"]["timeout"]["type"] == "string"
    sleep = entries["builtin.sleep"]
    assert (sleep.type, sleep.kind) == ("function", "function")
    assert sleep.schema["properties"]["module"] == {"const": "builtin"}
    assert sleep.schema["properties"]["parameters"]["required"] == ["duration"]
    assert sleep.description == "Wait for a while, given as Go duration text."
    assert entries["echoing"].schema["properties"]["size"] == {"title": "Size", "type": "integer"}
    assert entries["echoing"].schema["additionalProperties"] is False


def test_every_schema_in_the_catalog_is_valid_and_fits_its_example(bench: Bench) -> None:
    import jsonschema

    bench.registry.register_executor("echoing", Typed())
    examples: dict[str, dict[str, Any]] = {
        "http": {"url": "https://example.com", "expected_codes": [200, "202-204"], "timeout": "5s", "body": {"a": 1}},
        "builtin.echo": {"module": "builtin", "function_name": "echo", "parameters": {"any": 1}},
        "builtin.noop": {"module": "builtin", "function_name": "noop"},
        "builtin.sleep": {"module": "builtin", "function_name": "sleep", "parameters": {"duration": "1s"}},
        "echoing": {"size": 1},
    }
    for entry in bench.registry.catalog():
        jsonschema.Draft202012Validator.check_schema(entry.schema)
        jsonschema.validate(examples[entry.name], entry.schema)
        assert bench.registry.faults(entry.type, examples[entry.name]) == []
