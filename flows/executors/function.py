"""Function tasks: call a plain typed function that was registered under a module and a name.

Only registered functions are called. Nothing that a client sends is imported, looked up in a module, or evaluated.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.ports import SecretReader
from falcon_scheduler.flows.executors.arguments import CONTEXT, FunctionArguments, PluginError, read_overlaid
from falcon_scheduler.flows.executors.catalog import CatalogEntry, described, enclosed
from falcon_scheduler.flows.executors.faults import faults_of
from falcon_scheduler.flows.executors.isolation import Isolation, isolation_of
from falcon_scheduler.flows.executors.outcome import raised, refused, shielded, without_secrets
from falcon_scheduler.flows.executors.plain_logs import cleaned_logs
from falcon_scheduler.flows.executors.secrets import AttemptSecrets, reserved_beside_secrets
from falcon_scheduler.flows.executors.threads import Threads

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
MARK = "falcon_function"
"""Attribute that the decorator `function` sets: `(module, name)`."""


def function(
    name: str | None = None, module: str | None = None, isolation: str = Isolation.PROCESS
) -> Callable[[FunctionT], FunctionT]:
    """Mark a function of a plug-in module for registration. Names default as in `Registry.register_function`."""

    def mark(marked: FunctionT) -> FunctionT:
        setattr(marked, MARK, (module, name))
        setattr(marked, "isolation", isolation)  # noqa: B010 - functions have no such attribute of their own
        return marked

    return mark


class FunctionConfig(BaseModel):
    """Config of a function task. Source: scheduler API, "Function Tasks"."""

    model_config = ConfigDict(extra="forbid", strict=True)

    function_name: str = Field(min_length=1)
    module: str = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Registered:
    call: Callable[..., object]
    arguments: FunctionArguments
    isolation: Isolation


class FunctionExecutor:
    """Executes tasks of type `function`."""

    def __init__(self, secrets: SecretReader, threads: Threads) -> None:
        self._secrets = secrets
        self._threads = threads
        self._functions: dict[tuple[str, str], _Registered] = {}

    def add(self, call: Callable[..., object], module: str, name: str, isolation: str | None = None) -> None:
        """Register a function.

        Raises:
            PluginError: the name is taken, the signature can't be used, or see `isolation_of`.
        """
        if (module, name) in self._functions:
            raise PluginError(f"A function {name!r} of module {module!r} is registered already")
        found = isolation_of(f"{module}.{name}", call, call, isolation)
        self._functions[module, name] = _Registered(call, FunctionArguments(call), found)

    def isolation_of(self, config: Mapping[str, Any]) -> Isolation:
        """Where the runs of a task with this config are performed."""
        try:
            registered, _ = self._find(config, {})
        except Invalid:
            return Isolation.PROCESS
        return registered.isolation

    def entries(self) -> list[CatalogEntry]:
        """All registered functions, by name."""
        return [
            CatalogEntry(
                type="function",
                name=f"{module}.{name}",
                kind="function",
                description=described(registered.call),
                isolation=registered.isolation,
                schema=enclosed({"module": module, "function_name": name}, registered.arguments.json_schema),
            )
            for (module, name), registered in sorted(self._functions.items())
        ]

    def faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> list[Fault]:
        """The faults of a config, overlaid with a run's own parameters."""
        own = parameters or {}
        try:
            registered, values = self._find(config, own)
            read_overlaid(registered.arguments, values, own, "config.parameters", stored=parameters is not None)
        except Invalid as error:
            return list(error.faults)
        return []

    def reserved_faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Fault]:
        """See `core.ports.ExecutorCatalog.reserved_faults`."""
        return reserved_beside_secrets(config, parameters)

    async def execute(self, context: WorkContext) -> TaskResult:
        """Call the function; its return value is the output, its exception the error."""
        secrets = AttemptSecrets(self._secrets, context.config, context.parameters)
        try:
            registered, values = self._find(context.config, context.parameters)
            filled = await secrets.fill_value(values)
            arguments = read_overlaid(
                registered.arguments, filled, context.parameters, "config.parameters", stored=True
            )
            redactor = secrets.redactor()
            with cleaned_logs(redactor):
                value = await self._call(registered, arguments, shielded(context, redactor))
            return without_secrets(TaskResult.of(value), secrets.redactor())
        except Invalid as error:
            return without_secrets(refused(list(error.faults)), secrets.redactor())
        except Exception as error:  # noqa: BLE001 - any exception of a function is the outcome of the attempt
            return raised(error, context, secrets.redactor())

    def _find(self, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[_Registered, dict[str, Any]]:
        try:
            read = FunctionConfig.model_validate(config)
        except ValidationError as error:
            raise Invalid(faults_of(error, config, "config")) from error
        registered = self._functions.get((read.module, read.function_name))
        if registered is None:
            raise Invalid.of(
                "config.function_name", f"no function {read.function_name!r} is registered in module {read.module!r}"
            )
        return registered, {**read.parameters, **parameters}

    async def _call(self, registered: _Registered, arguments: dict[str, Any], context: WorkContext) -> object:
        def call(own: WorkContext) -> object:
            extra = {CONTEXT: own} if registered.arguments.takes_context else {}
            return registered.call(**arguments, **extra)

        if inspect.iscoroutinefunction(registered.call):
            value = call(context)
        else:
            value = await self._threads.run(call, context)
        return await value if inspect.isawaitable(value) else value
