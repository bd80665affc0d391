"""The form of a message between two processes of a worker: one JSON object with protocol version, kind and fields.

Reading is strict: a missing or unknown field and a wrong type are errors that name it. After an upgrade in place a
preloaded process may be newer than its worker; the version makes that an error of its own.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

PROTOCOL_VERSION = 6
"""Raised with every change of a message."""


class DamagedMessage(ValueError):
    """The message is not one that the receiver reads."""


class ProtocolMismatch(Exception):
    """The other process was started from another version of this package."""

    def __init__(self, theirs: object) -> None:
        super().__init__(
            f"the other process sends version {theirs} of the worker's messages, this one reads {PROTOCOL_VERSION}: "
            "the package was upgraded while the worker ran, restart the worker"
        )


class Message(Protocol):
    kind: ClassVar[str]


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """A message as one line of JSON, without the line's end."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}  # type: ignore[arg-type]
    return json.dumps({"version": PROTOCOL_VERSION, "kind": message.kind, **values}, default=str).encode()


class Reader(Generic[M]):
    """Reads the messages that one process receives from another."""

    def __init__(self, *types: type[M]) -> None:
        self._types: dict[object, type[M]] = {each.kind: each for each in types}
        for each in types:
            _field_types(each)  # now, before any fork, not in each forked process again

    def decode(self, data: bytes) -> M:
        """The message.

        Raises:
            ProtocolMismatch: the sender has another version of the messages.
            DamagedMessage: it is no message that is received here.
        """
        try:
            document = json.loads(data)
        except ValueError as error:
            raise DamagedMessage(f"not JSON: {error}") from error
        if not isinstance(document, dict):
            raise DamagedMessage("not a JSON object")
        if (version := document.pop("version", None)) != PROTOCOL_VERSION:
            raise ProtocolMismatch(version)
        kind = document.pop("kind", None)
        if not isinstance(kind, str) or kind not in self._types:
            raise DamagedMessage(f"unexpected kind {kind!r}")
        return self._build(kind, document)

    def _build(self, kind: str, values: dict[str, Any]) -> M:
        wanted = self._types[kind]
        hints = _field_types(wanted)
        if wrong := hints.keys() ^ values.keys():
            raise DamagedMessage(f"{kind}: missing or unknown: {', '.join(sorted(wrong))}")
        for name, value in values.items():
            if not _fits(value, hints[name]):
                raise DamagedMessage(f"{kind}: {name} is of the wrong type: {type(value).__name__}")
        return wanted(**values)


@cache
def _field_types(message_type: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(message_type)
    return {field.name: hints[field.name] for field in fields(message_type)}


def _fits(value: object, hint: Any) -> bool:
    """Whether a value read from JSON is of the type that a field declares."""
    if get_origin(hint) is UnionType:
        return any(_fits(value, each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is list:
        [of_each] = get_args(hint)
        return isinstance(value, list) and all(_fits(each, of_each) for each in value)
    return type(value) is (get_origin(hint) or hint or NoneType)
