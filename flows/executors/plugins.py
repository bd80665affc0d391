"""Finds plug-ins: installed ones by their entry points, others by the setting `SCHEDULER_PLUGINS`.

Both are set by the operator. Nothing that a client of the API sends gets here, so a client can't cause an import.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from falcon_scheduler.flows.executors.arguments import PluginError
from falcon_scheduler.flows.executors.function import MARK

FUNCTIONS_GROUP = "falcon_scheduler.functions"
EXECUTORS_GROUP = "falcon_scheduler.executors"


class Register(Protocol):
    """What a plug-in may call on the registry that its `register(registry)` gets."""

    def register_executor(
        self, type: str, executor: object, config_model: object = None, isolation: str | None = None
    ) -> None:
        """See `Registry.register_executor`."""
        ...

    def register_function(
        self,
        function: Callable[..., object],
        name: str | None = None,
        module: str | None = None,
        isolation: str | None = None,
    ) -> None:
        """See `Registry.register_function`."""
        ...


def load_installed(registry: Register) -> None:
    """Register the plug-ins of installed packages.

    Raises:
        PluginError: one of them can't be loaded; the start should stop.
    """
    for point in entry_points(group=FUNCTIONS_GROUP):
        found = _loaded(point.name, point.load)
        if isinstance(found, ModuleType):
            register_module(registry, found)
        else:
            module, _, name = point.name.rpartition(".")
            registry.register_function(found, name=name, module=module or _distribution(point))
    for point in entry_points(group=EXECUTORS_GROUP):
        found = _loaded(point.name, point.load)
        if isinstance(found, ModuleType):
            register_module(registry, found)
        else:
            registry.register_executor(point.name, found)


def load_named(registry: Register, names: Iterable[str]) -> None:
    """Register the plug-ins of the named modules. A name is a module's, or the path of a `.py` file.

    Raises:
        PluginError: one of them can't be loaded, or registers nothing.
    """
    for name in names:
        load = _from_file if name.endswith(".py") else importlib.import_module
        register_module(registry, _loaded(name, partial(load, name)))


def register_module(registry: Register, module: ModuleType) -> None:
    """Call the module's `register(registry)`, and register the functions with our decorator.

    Raises:
        PluginError: it has neither.
    """
    register = getattr(module, "register", None)
    if callable(register):
        _loaded(module.__name__, lambda: register(registry))
    marked = [each for each in vars(module).values() if _is_marked(each, module)]
    for function in marked:
        own_module, name = getattr(function, MARK)
        registry.register_function(function, name=name, module=own_module)
    if not callable(register) and not marked:
        raise PluginError(f"Plug-in {module.__name__!r} has no register(registry) and no decorated function")


def _is_marked(thing: object, module: ModuleType) -> bool:
    return isinstance(getattr(thing, MARK, None), tuple) and getattr(thing, "__module__", "") == module.__name__


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module.partition(".")[0]


def _from_file(name: str) -> ModuleType:
    path = Path(name).resolve()
    # A prefix: a file named like a module, such as json, must neither hide that module nor be hidden by it.
    spec = importlib.util.spec_from_file_location(f"falcon_plugins.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"Plug-in {name!r} does not load: {type(error).__name__}: {error}") from error
