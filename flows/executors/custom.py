"""Custom tasks: executors of plug-ins, recognised by their methods, not by a base class.

An executor is any object with `execute(context)`, plain or async. It may have a `config_schema`: a dataclass,
TypedDict or pydantic model of its parameters. It runs for tasks of type `custom` that name it, and for tasks whose
type is its name; in both cases the checked parameters are in `context.parameters`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from falcon_scheduler.core.domain.work import Executor, TaskResult, WorkContext
from falcon_scheduler.core.errors import Fault, Invalid
from falcon_scheduler.core.ports import SecretReader
from falcon_scheduler.flows.executors.arguments import (
    AnyArguments,
    Arguments,
    PluginError,
    TypedArguments,
    read_overlaid,
)
from falcon_scheduler.flows.executors.catalog import CatalogEntry, described
from falcon_scheduler.flows.executors.faults import faults_of
from falcon_scheduler.flows.executors.isolation import Isolation, isolation_of
from falcon_scheduler.flows.executors.outcome import raised, refused, shielded, without_secrets
from falcon_scheduler.flows.executors.plain_logs import cleaned_logs
from falcon_scheduler.flows.executors.secrets import AttemptSecrets, reserved_beside_secrets
from falcon_scheduler.flows.executors.threads import Threads


class CustomConfig(BaseModel):
    """Config of a custom task. Source: scheduler API, "Custom Tasks"."""

    model_config = ConfigDict(extra="forbid", strict=True)

    executor: str = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)


class PluggedExecutor:
    """A plug-in's executor: checks its parameters, runs it, and removes secrets from its result."""

    def __init__(
        self,
        name: str,
        executor: object,
        config_model: object,
        secrets: SecretReader,
        threads: Threads,
        isolation: str | None = None,
    ) -> None:
        """Take an executor, or a class that makes one without arguments.

        Raises:
            PluginError: it has no method `execute`, its `config_schema` can't be read, or see `isolation_of`.
        """
        executor = executor() if isinstance(executor, type) else executor
        if not callable(getattr(executor, "execute", None)):
            raise PluginError(f"Executor {name!r} has no method execute(context)")
        schema = config_model if config_model is not None else getattr(executor, "config_schema", None)
        self.name = name
        self._executor = cast("Executor", executor)
        self.isolation = isolation_of(name, executor, self._executor.execute, isolation)
        self._arguments: Arguments = AnyArguments() if schema is None else TypedArguments(schema, name)
        self._secrets = secrets
        self._threads = threads

    def entry(self) -> CatalogEntry:
        """Its entry in the catalog."""
        return CatalogEntry(
            type=self.name,
            name=self.name,
            kind="executor",
            description=described(self._executor),
            isolation=self.isolation,
            schema=self._arguments.json_schema,
        )

    def faults(
        self, config: Mapping[str, Any], parameters: Mapping[str, Any] | None, location: str = "config"
    ) -> list[Fault]:
        """The faults of the values in a config (at `location`), overlaid with a run's own parameters.

        Without parameters the config is a new one.
        """
        own = parameters or {}
        try:
            read_overlaid(self._arguments, {**config, **own}, own, location, stored=parameters is not None)
        except Invalid as error:
            return list(error.faults)
        return []

    def reserved_faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Fault]:
        """See `core.ports.ExecutorCatalog.reserved_faults`."""
        return reserved_beside_secrets(config, parameters)

    async def execute(self, context: WorkContext) -> TaskResult:
        """Run it for a task whose type is its name."""
        return await self.execute_with(context, context.config, "config")

    async def execute_with(self, context: WorkContext, values: Mapping[str, Any], location: str) -> TaskResult:
        """Run it with the values that the config holds at `location`."""
        secrets = AttemptSecrets(self._secrets, context.config, context.parameters)
        try:
            filled = await secrets.fill_value({**values, **context.parameters})
            read = read_overlaid(self._arguments, filled, context.parameters, location, stored=True)
            own = shielded(context, secrets.redactor())
            with cleaned_logs(secrets.redactor()):
                value = await self._call(replace(own, parameters=read))
            return without_secrets(TaskResult.of(value), secrets.redactor())
        except Invalid as error:
            return without_secrets(refused(list(error.faults)), secrets.redactor())
        except Exception as error:  # noqa: BLE001 - any exception of a plug-in is the outcome of the attempt
            return raised(error, context, secrets.redactor())

    async def _call(self, context: WorkContext) -> object:
        if inspect.iscoroutinefunction(self._executor.execute):
            return await self._executor.execute(context)
        value = await self._threads.run(self._executor.execute, context)
        return await value if inspect.isawaitable(value) else value


class CustomExecutor:
    """Executes tasks of type `custom` with the executor that they name."""

    def __init__(self, plugged: Mapping[str, PluggedExecutor]) -> None:
        """`plugged` may grow later."""
        self._plugged = plugged

    def faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> list[Fault]:
        """The faults of a config, overlaid with a run's own parameters."""
        try:
            plugged, values = self._find(config)
        except Invalid as error:
            return list(error.faults)
        return plugged.faults(values, parameters, "config.parameters")

    def reserved_faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Fault]:
        """See `core.ports.ExecutorCatalog.reserved_faults`."""
        return reserved_beside_secrets(config, parameters)

    def isolation_of(self, config: Mapping[str, Any]) -> Isolation:
        """Where the runs of a task with this config are performed."""
        try:
            plugged, _ = self._find(config)
        except Invalid:
            return Isolation.PROCESS
        return plugged.isolation

    async def execute(self, context: WorkContext) -> TaskResult:
        """Run the attempt with the named executor."""
        try:
            plugged, values = self._find(context.config)
        except Invalid as error:
            return refused(list(error.faults))
        return await plugged.execute_with(context, values, "config.parameters")

    def _find(self, config: Mapping[str, Any]) -> tuple[PluggedExecutor, dict[str, Any]]:
        try:
            read = CustomConfig.model_validate(config)
        except ValidationError as error:
            raise Invalid(faults_of(error, config, "config")) from error
        plugged = self._plugged.get(read.executor)
        if plugged is None:
            raise Invalid.of("config.executor", f"no executor {read.executor!r} is registered")
        return plugged, read.parameters
