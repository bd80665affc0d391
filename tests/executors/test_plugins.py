"""Plug-ins are found by their entry points or by the operator's setting; a broken one stops the start by its name."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from falcon_scheduler.flows.executors.arguments import PluginError
from falcon_scheduler.flows.executors.plugins import load_named
from tests.executors.bench import Bench

ROOT = Path(__file__).parents[2]
FUNCTION_PLUGIN = ROOT / "examples/function_plugin/analytics_tasks.py"
EXECUTOR_PLUGIN = ROOT / "examples/executor_plugin/custom_processor.py"
PROCESS = {"function_name": "processData", "module": "analytics", "parameters": {"batch_size": 2500, "timeout": "5m"}}
CUSTOM = {
    "executor": "custom_processor",
    "parameters": {"custom_param": "value", "items": 3, "seconds_per_item": 0.0},
}


async def test_the_function_example_runs_from_its_file(bench: Bench) -> None:
    load_named(bench.registry, [str(FUNCTION_PLUGIN)])
    assert bench.faults("function", PROCESS) == {}
    result = await bench.run("function", PROCESS)
    assert json.loads(result.output) == {"rows": 10_000, "batches": 4, "total": 49_995_000}
    assert bench.told[-1] == (4, 4, "batch 4")
    assert set(bench.faults("function", {**PROCESS, "parameters": {"batch_size": "many"}})) == {
        "config.parameters.batch_size"
    }


async def test_the_executor_example_runs_from_its_file(bench: Bench) -> None:
    load_named(bench.registry, [str(EXECUTOR_PLUGIN)])
    assert bench.faults("custom", CUSTOM) == {}
    result = await bench.run("custom", CUSTOM)
    assert result.output == "Processed 3 items with 'value'"
    assert result.detail == {"items": 3, "attempt": 1}
    assert bench.told[-1] == (3, 3, "item 3")
    assert set(bench.faults("custom_processor", {"items": "x"})) == {"config.items", "config.custom_param"}


def test_the_decorator_marks_functions_for_registration(bench: Bench, tmp_path: Path) -> None:
    plugin = tmp_path / "reports.py"
    plugin.write_text(
        textwrap.dedent("""
        from falcon_scheduler.flows.executors.function import function

        @function()
        def daily(day: int) -> int:
            return day

        @function(name="weekly-report", module="other")
        def weekly() -> None: ...

        def hidden() -> None: ...
        """)
    )
    load_named(bench.registry, [str(plugin)])
    names = [entry.name for entry in bench.registry.catalog() if entry.type == "function"]
    assert {"reports.daily", "other.weekly-report"} <= set(names)
    assert not any("hidden" in name for name in names)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("1/0", "ZeroDivisionError"),
        ("def register(registry): registry.register_executor('http', object())", "can't be the type"),
        ("def register(registry): raise KeyError('x')", "KeyError"),
        ("x = 1", "no register"),
    ],
)
def test_a_broken_plugin_is_named(bench: Bench, tmp_path: Path, source: str, message: str) -> None:
    plugin = tmp_path / "broken_plugin.py"
    plugin.write_text(source)
    with pytest.raises(PluginError, match=message):
        load_named(bench.registry, [str(plugin)])


def test_a_plugin_that_is_not_there_is_named(bench: Bench) -> None:
    for name in ("no_such_plugin", "/no/such/plugin.py"):
        with pytest.raises(PluginError, match="does not load"):
            load_named(bench.registry, [name])


LIST_AND_RUN = """
import json
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.flows.executors.registry import Registry

registry = Registry.load(Settings.load())
print(json.dumps([[entry.type, entry.name, entry.description] for entry in registry.catalog()]))
"""


@pytest.mark.slow
def test_both_examples_are_found_once_they_are_installed(tmp_path: Path) -> None:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]
    examples = [str(FUNCTION_PLUGIN.parent), str(EXECUTOR_PLUGIN.parent)]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(tmp_path), *examples], check=True, timeout=120)
    listed = subprocess.run(
        [sys.executable, "-c", LIST_AND_RUN],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
    )
    entries = json.loads(listed.stdout)
    assert ["function", "analytics.processData", "Process rows in batches and return a summary."] in entries
    assert any(entry[:2] == ["custom_processor", "custom_processor"] for entry in entries)


@pytest.mark.slow
def test_a_process_ends_although_a_function_in_it_never_does(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import asyncio, sys, time
        sys.path.insert(0, sys.argv[1])
        from tests.executors.bench import bench_allowing

        async def main() -> None:
            bench = bench_allowing()
            bench.registry.register_function(forever, module="tests")
            config = {"function_name": "forever", "module": "tests", "parameters": {}}
            try:
                async with asyncio.timeout(0.2):
                    await bench.registry.executor_for("function").execute(bench.context(config))
            except TimeoutError:
                print("timed out")

        def forever() -> None:
            while True:
                time.sleep(1)

        asyncio.run(main())
        """)
    )
    ended = subprocess.run(
        [sys.executable, str(program), str(ROOT)], check=True, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout == "timed out\n"
