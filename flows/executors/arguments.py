"""What a function or a plug-in executor may be given: checks JSON values against its types and describes them.

Function parameters are read strictly ("5" is no number, unknown names are refused), because they come from JSON,
where types are plain. A `timedelta` is Go duration text, as everywhere in the API.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import UnionType
from typing import Annotated, Any, Protocol, Union, get_args, get_origin, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic.errors import PydanticUserError

from falcon_scheduler.core.domain.duration import format_duration, parse_duration
from falcon_scheduler.core.domain.references import reference_faults
from falcon_scheduler.core.errors import Fault, Invalid, SchedulerError
from falcon_scheduler.flows.executors.faults import faults_of, in_their_place
from falcon_scheduler.flows.executors.numbers import with_whole_numbers

CONTEXT = "context"
"""A function's parameter of this name gets the `WorkContext`; it is not one of its JSON parameters."""


class PluginError(SchedulerError):
    """A plug-in can't be registered as it is. Raised at the start of the process, which then stops."""

    code = "plugin"
    retryable = False


class Arguments(Protocol):
    """Reads values for a function or an executor."""

    @property
    def json_schema(self) -> dict[str, Any]:
        """The accepted values, as a JSON Schema of an object."""
        ...

    def read(self, values: Mapping[str, Any], location: str, *, stored: bool = False) -> dict[str, Any]:
        """The values in the declared types, read strictly: text and booleans are no numbers.

        `stored`: the values may have been accepted by an earlier release, which was less strict with executors and
        with models. Values that it accepted are accepted again.

        Raises:
            core.errors.Invalid: with every fault, located under `location`.
        """
        ...


def read_overlaid(
    arguments: Arguments,
    values: Mapping[str, Any],
    parameters: Mapping[str, Any],
    location: str,
    *,
    stored: bool = False,
) -> dict[str, Any]:
    """Read a config's values, overlaid with a run's own parameters; references to secrets may be filled in already.

    `stored`: the config is a stored one; the run's own parameters are read strictly all the same.

    Raises:
        core.errors.Invalid: with every fault; a fault in the run's own parameters is located at `parameters`.
    """
    faults = list(reference_faults(values, location))
    try:
        read = arguments.read(values, location)
    except Invalid as error:
        found = in_their_place(error.faults, location, parameters)
        if stored and not any(fault.location.startswith("parameters.") for fault in found):
            read = arguments.read(values, location, stored=True)
        else:
            faults.extend(error.faults)
    if faults:
        raise Invalid(in_their_place(faults, location, parameters))
    return read


class AnyArguments:
    """For an executor without a schema: accepts every value."""

    json_schema: dict[str, Any] = {"type": "object", "additionalProperties": True}  # noqa: RUF012 - never changed

    def read(self, values: Mapping[str, Any], location: str, *, stored: bool = False) -> dict[str, Any]:
        """See `Arguments.read`."""
        return dict(values)


class FunctionArguments:
    """Reads a function's parameters by its signature."""

    def __init__(self, function: Callable[..., object]) -> None:
        """Read the signature.

        Raises:
            PluginError: it has parameters that can't be given by name, or types that JSON can't be read into.
        """
        name = getattr(function, "__qualname__", repr(function))
        try:
            parameters = inspect.signature(function).parameters
            hints = get_type_hints(function, include_extras=True)
        except (NameError, TypeError, ValueError) as error:
            raise PluginError(f"The types of function {name} can't be read: {error}") from error
        self.takes_context = CONTEXT in parameters
        self._fields: dict[str, str] = {}
        fields: dict[str, Any] = {}
        self._open = False
        for parameter in parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                self._open = True
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
                raise PluginError(f"Function {name} has parameter {parameter}, which can't be given by name")
            elif parameter.name != CONTEXT:
                field = f"parameter_{len(fields)}"  # pydantic refuses field names such as "schema" or "_x"
                self._fields[field] = parameter.name
                fields[field] = _field(parameter, hints.get(parameter.name, Any))
        try:
            self._model = create_model(
                "Parameters",
                __config__=ConfigDict(
                    extra="allow" if self._open else "forbid", strict=True, use_attribute_docstrings=False
                ),
                **fields,
            )
            self.json_schema = self._model.model_json_schema()
        except (PydanticUserError, TypeError, ValueError) as error:
            raise PluginError(f"Function {name} has a parameter that JSON can't be read into: {error}") from error

    def _read_json(self, values: Mapping[str, Any], *, stored: bool) -> BaseModel:
        # Nested models have their own settings; only `strict=True` here makes them strict too.
        strict = None if stored else True
        read: BaseModel = self._model.model_validate_json(json.dumps(values, default=str), strict=strict)
        return read

    def read(self, values: Mapping[str, Any], location: str, *, stored: bool = False) -> dict[str, Any]:
        """See `Arguments.read`. An absent value gets the function's own default."""
        try:
            read = with_whole_numbers(lambda given: self._read_json(given, stored=stored), values)
        except ValidationError as error:
            raise Invalid(faults_of(error, values, location)) from error
        given: dict[str, Any] = {
            self._fields[field]: getattr(read, field)
            for field in self._model.model_fields
            if field in read.model_fields_set
        }
        return {**(read.model_extra or {}), **given}


class TypedArguments:
    """Reads an executor's parameters into a dataclass, a TypedDict or a pydantic model, and gives them as a dict."""

    def __init__(self, type_: Any, owner: str) -> None:
        """Read the type.

        Raises:
            PluginError: it is none of the three.
        """
        try:
            self._adapter: TypeAdapter[Any] = TypeAdapter(type_)
            self.json_schema = self._adapter.json_schema()
        except (PydanticUserError, TypeError, ValueError) as error:
            raise PluginError(f"The config_schema of executor {owner} can't be understood: {error}") from error
        root = self.json_schema
        if "$ref" in root:
            root = root["$defs"][root["$ref"].rpartition("/")[2]]
        if root.get("type") != "object":
            raise PluginError(f"The config_schema of executor {owner} must describe an object")
        self._open = bool(root.get("additionalProperties", False))
        self._names = frozenset(root.get("properties", {}))
        if not self._open:
            root["additionalProperties"] = False

    def read(self, values: Mapping[str, Any], location: str, *, stored: bool = False) -> dict[str, Any]:
        """See `Arguments.read`."""
        faults = [
            Fault(f"{location}.{name}", "is not known here")
            for name in values
            if not self._open and name not in self._names
        ]
        try:
            read = with_whole_numbers(lambda given: self._read_json(given, stored=stored), values)
        except ValidationError as error:
            known = {fault.location for fault in faults}
            faults += [each for each in faults_of(error, values, location) if each.location not in known]
        if faults:
            raise Invalid(faults)
        dumped = self._adapter.dump_python(read, by_alias=False)
        return dict(dumped)

    def _read_json(self, values: Mapping[str, Any], *, stored: bool) -> Any:
        return self._adapter.validate_json(json.dumps(values, default=str), strict=None if stored else True)


def _field(parameter: inspect.Parameter, annotation: Any) -> tuple[Any, Any]:
    default = ... if parameter.default is parameter.empty else parameter.default
    return _with_go_durations(annotation), Field(default, alias=parameter.name)


def _go_duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


GoDuration = Annotated[
    timedelta,
    BeforeValidator(_go_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema({"type": "string", "description": "Go duration, e.g. 1m30s"}),
]


def _with_go_durations(annotation: Any) -> Any:
    """`timedelta`, alone or in a union such as `timedelta | None`, read from Go duration text."""
    if annotation is timedelta:
        return GoDuration
    if get_origin(annotation) is Annotated and get_args(annotation)[0] is timedelta:
        return Annotated[(GoDuration, *get_args(annotation)[1:])]
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(map(_with_go_durations, get_args(annotation)))]  # noqa: UP007 - built at run time
    return annotation
