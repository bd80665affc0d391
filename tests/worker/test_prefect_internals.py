"""What we use of Prefect's private parts: all of it is listed here, with what breaks when it changes."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import prefect
import pytest

import falcon_scheduler
from tests.docs.syntax import syntax_of

ROOT = Path(__file__).parents[2]
ROOMS = ("adapters", "api_facade", "core", "deployments", "eve", "flows")
INTERNALS, WORKER = "flows/prefect_internals.py", "flows/worker/worker.py"

IMPORTED = {
    "prefect._flow_run_suspension.FlowRunSuspensionRequest": "a suspended run goes on to its end",
    "prefect._flow_run_suspension.mark_flow_run_suspension_requested": "a suspended run goes on to its end",
    "prefect._flow_run_suspension.register_flow_run_suspension_request": "a suspended run goes on to its end",
    "prefect._internal.control_listener": "a cancelled run is shown as crashed",
    "prefect.engine._drive_run_flow_result": "flows that are generators do not run",
    "prefect.flow_engine._flow_parameters": "no flow gets its parameters",
}
USED_BY_INTERNALS = {
    "prefect._internal.control_listener:_set_intent": "a cancelled run is shown as crashed",
    "prefect.flow_engine:FlowRunEngine._get_flow_run_suspension_request": "a suspended run goes on to its end",
    "prefect.flow_engine:AsyncFlowRunEngine._raised": "a run that its worker stops ends without its error",
    "prefect.client.orchestration:PrefectClient._client": "runs at once refuse each other's CSRF token",
    "prefect.context:SyncClientContext.__var__": "each run opens further clients, and asks what its worker knows",
    "prefect.events.worker:EventsWorker._instances": "events of a run's last second are lost",
}
USED_BY_WORKER = {
    "_description": "the UI describes the worker type in other words",
    "_documentation_url": "the UI links no documentation",
    "_has_successfully_synced": "runs are polled for before the pool is known",
    "_initialize_after_sync": "queue priorities and slots are read once only",
    "_last_polled_time": "Prefect's health check calls the worker stuck",
    "_logger": "a setting with a misspelled name is not reported in the worker's log",
    "_prefetch_seconds": "the setting of the prefetch has no effect",
    "_release_limit_slot": "slots do not become free",
    "_setup_cancellation_observer": "cancellations are found by the sweep only, after 5 s",
    "_sync_and_initialize": "a server that is away for minutes ends the worker and its runs",
    "_work_pool": "events of the pool are not followed",
    "_work_pool_name": "nothing can be polled",
    "_work_queues": "the option --work-queue has no effect",
}
PUBLIC_AND_UNDOCUMENTED = {
    "prefect.context:refresh_global_settings_context": "job variables do not change Prefect's settings of a run",
    "prefect.events.worker:EventsWorker.drain_all": "events of a run's last second are lost",
    "prefect.flow_engine:AsyncFlowRunEngine": "no flow runs",
    "prefect.flow_engine:AsyncFlowRunEngine.heartbeat_seconds": "each run keeps a thread for its heartbeats",
    "prefect.flow_engine:AsyncFlowRunEngine.setup_flow_run_suspension_request": "each run opens a websocket",
    "prefect.flow_engine:AsyncFlowRunEngine.handle_crash": "a run that its worker stops is shown with another reason",
    "prefect.flow_engine:AsyncFlowRunEngine.handle_cancellation": "hooks of a cancellation do not run",
    "prefect.flow_engine:FlowRunEngine": "no sync flow runs",
    "prefect.flow_engine:FlowRunEngine.heartbeat_seconds": "each run keeps a thread for its heartbeats",
    "prefect.flow_engine:FlowRunEngine.setup_flow_run_suspension_request": "each run opens a websocket",
    "prefect.flow_engine:FlowRunEngine.handle_cancellation": "hooks of a cancellation do not run",
    "prefect.flow_engine:load_flow": "flows of deployments that others made are not found",
    "prefect.flow_engine:run_flow": "flows that are generators do not run",
    "prefect.logging.configuration:setup_logging": "each run configures logging anew",
    "prefect.logging.handlers:set_api_log_sink": "each run sends its logs by a client of its own",
}
TEXTS = {
    "prefect.server.orchestration.core_policy": ["Deployment concurrency limit reached."],
    "prefect.flow_engine": [
        "prefect.flow-run.heartbeat",
        "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS",
        "Finished in state",
    ],
    "prefect.logging.handlers": ["__payload_size__"],
    "prefect.workers.base": ["PREFECT__WORKER_NAME", "PREFECT__FLOW_RUN_ID"],
}
"""Texts of Prefect that our code compares or sends, by the module that is their source."""


@cache
def sources() -> list[tuple[str, ast.Module]]:
    files = (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))
    return [(str(file.relative_to(ROOT)), syntax_of(file.read_text())) for file in files]


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def imported_of_prefect(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{each.name}" for each in node.names}
    return {name for name in names if name.partition(".")[0] == "prefect"}


def resolve(path: str) -> object | None:
    """The object behind a name of the tables; attributes that are only set on instances are found in the source."""
    module, _, member = path.partition(":")
    found: object = importlib.import_module(module)
    for part in filter(None, member.split(".")):
        if not hasattr(found, part):
            return part if sets_on_instances(found, part) else None
        found = getattr(found, part)
    return found


def parents_in_prefect(kind: type) -> list[type]:
    return [each for each in kind.__mro__ if each.__module__.partition(".")[0] == "prefect"]


@cache
def source_of(kind: type) -> str:
    return inspect.getsource(kind)


def sets_on_instances(owner: object, name: str) -> bool:
    if not isinstance(owner, type):
        return False
    return any(
        re.search(rf"\bself\.{name}\b", source_of(each)) or name in vars(each).get("__annotations__", {})
        for each in parents_in_prefect(owner)
    )


def test_private_names_of_prefect_are_imported_by_one_module() -> None:
    found = {(file, name) for file, tree in sources() for name in imported_of_prefect(tree) if is_private(name)}
    assert found == {(INTERNALS, name) for name in IMPORTED}


def own_modules() -> Iterator[ModuleType]:
    for room in ("adapters", "flows"):
        package = importlib.import_module(f"{falcon_scheduler.__name__}.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                yield importlib.import_module(module.name)


def private_members(kind: type) -> set[str]:
    """The private members of Prefect's that a class of ours overrides or uses on itself."""
    if not (theirs := parents_in_prefect(kind)):
        return set()
    tree = syntax_of(inspect.cleandoc("\n" + inspect.getsource(kind)))
    used = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return {
        name
        for name in used
        if name.startswith("_") and not name.endswith("__")
        if any(name in vars(each) or sets_on_instances(each, name) for each in theirs)
    }


def test_private_members_of_prefects_classes_are_used_by_two_modules_only() -> None:
    found: dict[str, set[str]] = {}
    for module in own_modules():
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__ and (names := private_members(kind)):
                file = module.__name__.removeprefix("falcon_scheduler.").replace(".", "/") + ".py"
                found[file] = found.get(file, set()) | names
    assert found.keys() <= {INTERNALS, WORKER}, found
    assert found[WORKER] == USED_BY_WORKER.keys()


def test_private_attributes_of_other_objects_are_used_where_prefect_is_not() -> None:
    allowed = {path.rpartition(":")[2].rpartition(".")[2] for path in USED_BY_INTERNALS}
    found = {
        (file, node.attr)
        for file, tree in sources()
        if imported_of_prefect(tree)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr != "_replace"  # of a named tuple
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "os"))
        if not (isinstance(node.value, ast.Call) and ast.unparse(node.value) == "super()")
    }
    assert {each for each in found if each[0] != INTERNALS or each[1] not in allowed} == set()


@pytest.mark.parametrize(
    ("path", "breaks"),
    [
        *((path.rpartition(".")[0] + ":" + path.rpartition(".")[2], breaks) for path, breaks in IMPORTED.items()),
        *USED_BY_INTERNALS.items(),
        *((f"prefect.workers.base:BaseWorker.{name}", breaks) for name, breaks in USED_BY_WORKER.items()),
        *PUBLIC_AND_UNDOCUMENTED.items(),
    ],
)
def test_prefect_still_has_what_we_use_of_it(path: str, breaks: str) -> None:
    assert resolve(path) is not None, f"{path} is gone: {breaks}"


@pytest.mark.parametrize(("module", "text"), [(module, text) for module, texts in TEXTS.items() for text in texts])
def test_prefect_still_uses_the_texts_that_we_compare(module: str, text: str) -> None:
    file = Path(prefect.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    assert text in file.read_text()


def test_internal_variables_of_prefect_are_named_by_one_module() -> None:
    naming = {
        file
        for file, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("PREFECT__")
    }
    assert naming == {INTERNALS}
