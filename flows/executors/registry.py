"""Everything that a task can run. Nothing else can be called.

    registry = Registry.load(settings)
    registry.faults("http", {"url": "nonsense"})      # the faults of a config, each with its field
    await registry.executor_for("http").execute(context)

Built once per process, by the facade (to check and to list) and by each run (to execute).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from falcon_scheduler import __version__
from falcon_scheduler.adapters.http.guard import AddressGuard
from falcon_scheduler.adapters.http.sender import HttpSender, Proxy
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.core.domain.task_definition import TaskType
from falcon_scheduler.core.domain.work import Executor, TaskResult, WorkContext
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.core.ports import SecretReader
from falcon_scheduler.flows.executors import builtin
from falcon_scheduler.flows.executors.arguments import PluginError
from falcon_scheduler.flows.executors.catalog import CatalogEntry
from falcon_scheduler.flows.executors.custom import CustomExecutor, PluggedExecutor
from falcon_scheduler.flows.executors.function import FunctionExecutor
from falcon_scheduler.flows.executors.http.executor import HttpExecutor
from falcon_scheduler.flows.executors.isolation import Isolation
from falcon_scheduler.flows.executors.plugins import load_installed, load_named
from falcon_scheduler.flows.executors.threads import Threads

FunctionT = TypeVar("FunctionT", bound=Callable[..., object])
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_DOCUMENTED = (TaskType.HTTP, TaskType.FUNCTION, TaskType.CUSTOM)


class _Checking(Protocol):
    def faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> list[Fault]: ...

    def reserved_faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Fault]: ...

    async def execute(self, context: WorkContext) -> TaskResult: ...


class Registry:
    """The executors of this process, by task type, and the functions, by module and name."""

    def __init__(self, *, sender: HttpSender, secrets: SecretReader) -> None:
        """A registry with the documented types and the built-in functions."""
        self._secrets = secrets
        self._threads = Threads()
        self._plugged: dict[str, PluggedExecutor] = {}
        self._http = HttpExecutor(sender, secrets)
        self._functions = FunctionExecutor(secrets, self._threads)
        self._custom = CustomExecutor(self._plugged)
        self._documented: dict[str, _Checking] = {
            TaskType.HTTP: self._http,
            TaskType.FUNCTION: self._functions,
            TaskType.CUSTOM: self._custom,
        }
        for each in (builtin.echo, builtin.noop, builtin.sleep):
            self.register_function(each, module=builtin.MODULE)

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """The registry that the settings describe, with every plug-in.

        Raises:
            PluginError: a plug-in does not load; its name is in the message.
        """
        from falcon_scheduler.adapters.prefect.secrets import (
            PrefectSecrets,  # here, so that modules that only use the type do not import Prefect
        )

        scheduler = settings.scheduler
        proxy = Proxy.of(scheduler.http_proxy.get_secret_value()) if scheduler.http_proxy else None
        sender = HttpSender(
            AddressGuard(scheduler.http_allow),
            user_agent=_user_agent(),
            proxy=proxy,
            per_host=scheduler.http_per_host,
        )
        sender.prepare()
        registry = cls(sender=sender, secrets=PrefectSecrets())
        load_installed(registry)
        load_named(registry, scheduler.plugins)
        return registry

    def register_executor(
        self, type: str, executor: object, config_model: object = None, isolation: str | None = None
    ) -> None:
        """Register an executor, for tasks of its type, and of type `custom` with its name.

        Args:
            type: a letter, then letters, digits, `_` or `-`; not one of the documented types.
            executor: an object with `execute(context)`, or a class of it whose constructor needs no arguments.
            config_model: a dataclass, TypedDict or pydantic model of its parameters; else its `config_schema`.
            isolation: `shared` for async code that may run beside others; else its `isolation`, else `process`.

        Raises:
            PluginError: an argument violates these rules, or the type is taken.
        """
        if not _TYPE.fullmatch(type) or type in (*_DOCUMENTED, TaskType.SYSTEM):
            raise PluginError(f"{type!r} can't be the type of an executor")
        if type in self._plugged:
            raise PluginError(f"An executor {type!r} is registered already")
        self._plugged[type] = PluggedExecutor(type, executor, config_model, self._secrets, self._threads, isolation)

    def register_function(
        self,
        function: Callable[..., object],
        name: str | None = None,
        module: str | None = None,
        isolation: str | None = None,
    ) -> None:
        """Register a function for function tasks. Name and module default to its own (the last part of the module's).

        `isolation` is as in `register_executor`.

        Raises:
            PluginError: the name is taken, the signature can't be called with JSON, or a plain function is to share.
        """
        own_name = getattr(function, "__name__", "")
        own_module = getattr(function, "__module__", "").rpartition(".")[2]
        self._functions.add(function, module or own_module, name or own_name, isolation)

    def function(
        self, name: str | None = None, module: str | None = None, isolation: str | None = None
    ) -> Callable[[FunctionT], FunctionT]:
        """`register_function` as a decorator."""

        def register(function: FunctionT) -> FunctionT:
            self.register_function(function, name, module, isolation)
            return function

        return register

    def types(self) -> Sequence[str]:
        """Task types that a client may create: the documented ones, then the registered ones by name."""
        return (*_DOCUMENTED, *sorted(self._plugged))

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> list[Fault]:
        """The faults of a new config, or of a run's own parameters merged over a stored one. Runs nothing."""
        checking = self._documented.get(task_type) or self._plugged.get(task_type)
        if checking is None:
            return [Fault("type", f"must be one of {', '.join(self.types())}")]
        return checking.faults(config, parameters)

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> list[Fault]:
        """Faults for those of a run's own parameters that need the permission to create or update tasks."""
        checking = self._documented.get(task_type) or self._plugged.get(task_type)
        return checking.reserved_faults(config, parameters) if checking else []

    def catalog(self) -> list[CatalogEntry]:
        """Everything a client's task can run, with the schema of its config."""
        plugged = [each.entry() for _, each in sorted(self._plugged.items())]
        return [self._http.entry(), *self._functions.entries(), *plugged]

    def shares(self, task_type: str, config: Mapping[str, Any]) -> bool:
        """Whether the runs of such a task may be performed beside others in one process."""
        if task_type == TaskType.HTTP:
            return True
        if task_type == TaskType.FUNCTION:
            return self._functions.isolation_of(config) is Isolation.SHARED
        if task_type == TaskType.CUSTOM:
            return self._custom.isolation_of(config) is Isolation.SHARED
        plugged = self._plugged.get(task_type)
        return plugged is not None and plugged.isolation is Isolation.SHARED

    def executor_for(self, task_type: str) -> Executor:
        """The executor of a type; for an unknown type, one that fails. System tasks have another registry."""
        return self._documented.get(task_type) or self._plugged.get(task_type) or _Unknown(task_type)


class _Unknown:
    def __init__(self, task_type: str) -> None:
        self._type = task_type

    async def execute(self, context: WorkContext) -> TaskResult:
        error = f"No executor is registered on this worker for tasks of type {self._type!r}"
        return TaskResult(success=False, error=error, retryable=False)


def _user_agent() -> str:
    return f"falcon-scheduler/{__version__}"
