"""Function tasks: what is registered is called with checked parameters, and its end is reported without secrets."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Literal

import pytest

from falcon_scheduler.core.domain.work import TaskResult
from falcon_scheduler.flows.executors.arguments import PluginError
from tests.executors.bench import Bench


def of(name: str, **parameters: Any) -> dict[str, Any]:
    return {"function_name": name, "module": "tests", "parameters": parameters}


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


def typed(
    count: int,
    ratio: float = 0.5,
    names: list[str] | None = None,
    day: date | None = None,
    size: Size = Size.SMALL,
    mode: Literal["fast", "slow"] = "fast",
    wait: timedelta = timedelta(seconds=1),
    schema: str = "a name that pydantic models use themselves",
) -> dict[str, Any]:
    """Give back what came in."""
    return {"count": count, "ratio": ratio, "names": names, "day": str(day), "size": size, "wait": str(wait)}


async def test_parameters_reach_the_function_in_its_types(bench: Bench) -> None:
    given: dict[str, Any] = {}

    @bench.registry.function(module="tests")
    def keep(when: date, wait: timedelta, size: Size, flags: set[int], maybe: timedelta | None = None) -> None:
        given.update(locals())

    config = of("keep", when="2026-02-28", wait="1m30s", size="large", flags=[1, 1, 2], maybe="2h")
    result = await bench.run("function", config)
    assert result.success, result.error
    assert given["when"] == date(2026, 2, 28)
    assert given["wait"] == timedelta(seconds=90)
    assert given["size"] is Size.LARGE
    assert given["flags"] == {1, 2}
    assert given["maybe"] == timedelta(hours=2)


async def test_the_document_s_example_runs_as_written(bench: Bench) -> None:
    @bench.registry.function(name="processData", module="analytics")
    def process(batch_size: int, timeout: timedelta) -> str:
        return f"{batch_size} in {timeout}"

    config = {
        "function_name": "processData",
        "module": "analytics",
        "parameters": {"batch_size": 1000, "timeout": "5m"},
    }
    assert bench.faults("function", config) == {}
    assert (await bench.run("function", config)).output == "1000 in 0:05:00"


async def test_a_run_s_parameters_are_laid_over_the_config(bench: Bench) -> None:
    config = {"function_name": "echo", "module": "builtin", "parameters": {"a": 1, "b": 1}}
    assert (await bench.run("function", config, b=2, c=3)).output == '{"a": 1, "b": 2, "c": 3}'


@pytest.mark.parametrize(
    ("parameters", "location"),
    [
        ({}, "config.parameters.count"),
        ({"count": "5"}, "config.parameters.count"),
        ({"count": True}, "config.parameters.count"),
        ({"count": 1.5}, "config.parameters.count"),
        ({"count": 1, "unknown": 1}, "config.parameters.unknown"),
        ({"count": 1, "names": ["a", 2]}, "config.parameters.names.1"),
        ({"count": 1, "day": "tomorrow"}, "config.parameters.day"),
        ({"count": 1, "size": "huge"}, "config.parameters.size"),
        ({"count": 1, "mode": "medium"}, "config.parameters.mode"),
        ({"count": 1, "wait": "5 minutes"}, "config.parameters.wait"),
        ({"count": 1, "context": 1}, "config.parameters.context"),
        ({"count": 1, "schema": 1}, "config.parameters.schema"),
    ],
)
async def test_a_wrong_parameter_is_named_before_and_at_the_run(
    bench: Bench, parameters: dict[str, Any], location: str
) -> None:
    bench.registry.register_function(typed, module="tests")
    config = of("typed", **parameters)
    assert list(bench.faults("function", config)) == [location]
    result = await bench.run("function", config)
    assert not result.success
    assert not result.retryable
    assert location in result.error


def test_all_faults_are_named_at_once(bench: Bench) -> None:
    bench.registry.register_function(typed, module="tests")
    faults = bench.faults("function", {**of("typed", ratio="x", other=1), "more": 1})
    assert set(faults) == {"config.more"}
    assert set(bench.faults("function", of("typed", ratio="x", other=1))) == {
        "config.parameters.count",
        "config.parameters.ratio",
        "config.parameters.other",
    }


def test_faults_of_a_run_s_own_parameters_are_located_there(bench: Bench) -> None:
    bench.registry.register_function(typed, module="tests")
    assert set(bench.faults("function", of("typed", count=1), count="x", names=[1])) == {
        "parameters.count",
        "parameters.names.0",
    }


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("tests", "register"),
        ("builtin", "__import__"),
        ("", "echo"),
        ("builtin", ""),
    ],
)
async def test_nothing_that_is_not_registered_can_be_called(bench: Bench, module: str, name: str) -> None:
    config = {"function_name": name, "module": module, "parameters": {}}
    assert bench.faults("function", config)
    result = await bench.run("function", config)
    assert not result.success
    assert not result.retryable


@pytest.mark.parametrize(
    ("value", "output"),
    [
        (None, ""),
        ("text", "text"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ([1, 2], "[1, 2]"),
        (0, "0"),
        (False, "false"),
        (date(2026, 1, 2), '"2026-01-02"'),
    ],
)
async def test_whatever_is_returned_is_the_output(bench: Bench, value: object, output: str) -> None:
    @bench.registry.function(module="tests")
    def give() -> object:
        return value

    result = await bench.run("function", of("give"))
    assert (result.success, result.output) == (True, output)


async def test_a_function_may_return_its_own_result(bench: Bench) -> None:
    @bench.registry.function(module="tests")
    def give() -> dict[str, Any]:
        return {"success": False, "error": "no", "retryable": False, "detail": {"n": 1, "when": date(2026, 1, 2)}}

    result = await bench.run("function", of("give"))
    assert result == TaskResult(success=False, error="no", retryable=False, detail={"n": 1, "when": "2026-01-02"})


async def test_what_can_t_be_written_as_json_fails_cleanly(bench: Bench) -> None:
    @bench.registry.function(module="tests")
    def circle() -> list[Any]:
        ring: list[Any] = []
        ring.append(ring)
        return ring

    result = await bench.run("function", of("circle"))
    assert not result.success
    assert result.error.startswith("ValueError")


async def test_an_exception_is_the_error_and_its_stack_is_in_the_log(bench: Bench) -> None:
    @bench.registry.function(module="tests")
    def fail(password: str) -> None:
        raise LookupError(f"no row for password={password} at https://bob:{password}@db/x")

    result = await bench.run("function", of("fail", password="hunter22-and-more"))
    assert not result.success
    assert result.retryable
    assert result.error.startswith("LookupError: no row for")
    assert "in fail" in bench.logged[0]
    assert "hunter22" not in result.error + "".join(bench.logged)


async def test_an_exception_can_say_that_trying_again_is_in_vain(bench: Bench) -> None:
    @bench.registry.function(module="tests")
    def fail() -> None:
        error = ValueError("never")
        error.retryable = False  # type: ignore[attr-defined]
        raise error

    assert not (await bench.run("function", of("fail"))).retryable


async def test_even_an_exit_is_only_a_failure(bench: Bench) -> None:
    @bench.registry.function(module="tests")
    def leave() -> None:
        raise SystemExit(3)

    assert (await bench.run("function", of("leave"))).error == "RuntimeError: The function raised SystemExit"


async def test_secret_references_are_filled_and_never_shown(bench: Bench) -> None:
    bench.secrets["s"] = "pl4nted-s3cret"
    seen: list[str] = []

    @bench.registry.function(module="tests")
    def use(key: str) -> str:
        seen.append(key)
        return f"used {key}"

    result = await bench.run("function", of("use", key="{{ prefect.blocks.secret.s }}"))
    assert seen == ["pl4nted-s3cret"]
    assert result.output == "used [concealed]"


async def test_what_a_function_logs_or_reports_has_no_secrets(bench: Bench) -> None:
    bench.secrets["s"] = "pl4nted-s3cret"

    @bench.registry.function(module="tests")
    def tell(key: str, context: Any) -> None:
        context.log.info("the key is %s", key)
        context.log.warning("100 % of %s", "a line that does not format")
        context.progress(1, 2, f"with {key}")

    assert (await bench.run("function", of("tell", key="{{ prefect.blocks.secret.s }}"))).success
    assert bench.logged[0] == "the key is [concealed]"
    assert "does not format" in bench.logged[1]
    assert bench.told == [(1, 2, "with [concealed]")]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, /: x,
        lambda *rest: rest,
        max,
    ],
)
def test_a_function_that_can_t_be_called_by_name_is_refused_at_registration(bench: Bench, wrong: Any) -> None:
    with pytest.raises(PluginError):
        bench.registry.register_function(wrong, name="wrong", module="tests")


def test_a_parameter_that_json_can_t_give_is_refused_at_registration(bench: Bench) -> None:
    def listen(on: threading.Event) -> None: ...

    with pytest.raises(PluginError, match="listen"):
        bench.registry.register_function(listen)


def test_a_name_is_taken_once(bench: Bench) -> None:
    bench.registry.register_function(typed, module="tests")
    with pytest.raises(PluginError, match="registered already"):
        bench.registry.register_function(typed, module="tests")


async def test_the_built_in_functions_are_harmless(bench: Bench) -> None:
    for name, parameters in (("echo", {"a": 1}), ("noop", {}), ("sleep", {"duration": "1ms"})):
        config = {"function_name": name, "module": "builtin", "parameters": parameters}
        assert (await bench.run("function", config)).success
    assert bench.faults(
        "function", {"function_name": "sleep", "module": "builtin", "parameters": {"duration": "-1s"}}
    )
