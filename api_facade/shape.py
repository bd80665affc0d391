"""Reads bodies: bytes to JSON to a shape, each fault found and named.

Stricter than the JSON module: a duplicate name, NaN, numbers beyond a float and text that can't be stored are faults.
Other modules check the meaning of the values.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, ParamSpec, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from falcon_scheduler.api_facade.heavy import HeavyWork
from falcon_scheduler.api_facade.problems import BodyTooLarge, BodyTooSlow, UnsupportedMedia
from falcon_scheduler.api_facade.sent_tasks import SCHEMA
from falcon_scheduler.core.errors import Fault, Invalid

BODY_BYTES = 64 * 1024
IMPORT_BYTES = 1024 * 1024
AT_ONCE_BYTES = 2 * 1024
"""Reading a body of this size takes no time; a larger one is read in the thread for heavy work."""
BODY_SECONDS = 10
DEEPEST = 100
"""Far deeper than a config may be (10), which has its own fault; shallow enough for recursion."""
LARGEST_WHOLE = 2**53
"""Beyond it a double does not hold every integer."""
READ_ONLY = frozenset(
    {
        *("id", "status", "last_run", "last_run_duration", "next_run"),
        *("created_at", "updated_at", "created_by", "updated_by"),
        *("metadata.is_system", "metadata.source"),
    }
)
"""Fields of a task that only the service sets. See `sent_tasks` for those that are ignored."""

_LONGEST_LOCATION = 200
_HALF_PAIR = re.compile("[\ud800-\udfff]")

P = ParamSpec("P")
T = TypeVar("T")
Shape = TypeVar("Shape", bound=BaseModel)


async def read_json(request: Request, *, optional: bool = False, most_bytes: int = BODY_BYTES) -> Any:
    """The body as JSON, without the `$schema` of HUMA's clients. With `optional` an empty one is an empty object.

    Raises:
        BodyTooLarge, BodyTooSlow, UnsupportedMedia
        Invalid: it is not JSON, or contains a value that can't be stored.
        TooManyRequests: too many large bodies of this caller are being read.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise UnsupportedMedia("Send the body as it is, without a Content-Encoding")
    data = await _read(request, most_bytes)
    request.state.body_bytes = len(data)
    if not data and optional:
        return {}
    if not _is_json(request.headers.get("content-type", "")):
        raise UnsupportedMedia
    value = await judged(request, _sound_json, data)
    if isinstance(value, dict):
        value.pop(SCHEMA, None)
    return value


async def judged(request: Request, judge: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Apply `judge` to the body that was read last: at once when it is small, else in a thread.

    Raises:
        TooManyRequests: too many large bodies of this caller are being judged.
        Exception: what `judge` raises.
    """
    if request.state.body_bytes <= AT_ONCE_BYTES:
        return judge(*args, **named)
    heavy: HeavyWork = request.app.state.container.heavy
    return await heavy.do(request.state.caller, judge, *args, **named)


def _sound_json(data: bytes) -> Any:
    value = _parse(data)
    if faults := list(_value_faults("body", value, 0)):
        raise Invalid(faults)
    return value


async def _read(request: Request, most_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise BodyTooLarge(most_bytes)
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > most_bytes:
                    raise BodyTooLarge(most_bytes)
    except TimeoutError as error:
        raise BodyTooSlow from error
    return bytes(data)


def _is_json(content_type: str) -> bool:
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [each.removeprefix("charset=").strip('"') for each in parameters if each.startswith("charset=")]
    return media == "application/json" and all(each in {"utf-8", "utf8", "us-ascii"} for each in charsets)


def _parse(data: bytes) -> Any:
    try:
        # Editors on Windows write a byte order mark that RFC 8259 (section 8.1) permits a reader to ignore.
        text = data.removeprefix(codecs.BOM_UTF8).decode()
        return json.loads(text, parse_constant=_refuse, parse_float=_number, object_pairs_hook=_distinct)
    except UnicodeDecodeError as error:
        raise Invalid.of("body", "must be UTF-8") from error
    except json.JSONDecodeError as error:
        raise Invalid.of("body", f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise Invalid.of("body", f"must not be nested deeper than {DEEPEST} levels") from error
    except ValueError as error:  # an integer of thousands of digits
        raise Invalid.of("body", "holds a number that is too long") from error


def _number(text: str) -> int | float:
    """A number without a fraction is an integer, as in JSON Schema: Go's clients may write 200 as 200.0."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) <= LARGEST_WHOLE else value


def _refuse(word: str) -> NoReturn:
    raise Invalid.of("body", f"is not JSON: {word} is no JSON number")


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        name = next(name for name, times in counted.items() if times > 1)
        raise Invalid.of("body", f"gives a name twice: {name[:_LONGEST_LOCATION]!r}")
    return value


def _value_faults(location: str, value: Any, depth: int) -> Iterator[Fault]:
    if depth > DEEPEST:
        yield Fault("body", f"must not be nested deeper than {DEEPEST} levels")
    elif isinstance(value, str):
        yield from _text_faults(location, value)
    elif isinstance(value, float) and not math.isfinite(value):
        yield Fault(location, "is a number too large to be held")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _text_faults(location, name)
            yield from _value_faults(name if location == "body" else _within(location, name), inner, depth + 1)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _value_faults(_within(location, str(position)), inner, depth + 1)


def _within(location: str, name: str) -> str:
    """The location of a nested value, cut short because it is built for every value."""
    return f"{location[:_LONGEST_LOCATION]}.{name[:_LONGEST_LOCATION]}"


def _text_faults(location: str, text: str) -> Iterator[Fault]:
    if "\x00" in text:
        yield Fault(_printable(location), "holds a NUL character, which can't be stored")
    if _HALF_PAIR.search(text):
        yield Fault(_printable(location), "holds half of a surrogate pair, which is no text")


def _printable(location: str) -> str:
    return location[:_LONGEST_LOCATION].encode(errors="replace").decode()


def read_shape(shape: type[Shape], body: Any) -> tuple[Shape | None, list[Fault]]:
    """The body as a shape, or all of its faults."""
    if not isinstance(body, Mapping):
        return None, [Fault("body", "must be a JSON object")]
    try:
        return shape.model_validate(body), []
    except ValidationError as error:
        details: Sequence[Any] = error.errors(include_url=False, include_input=False)
        return None, [fault_of(each) for each in details]


def read_whole(shape: type[Shape], body: Any) -> Shape:
    """The body as a shape. Raises `Invalid`."""
    value, faults = read_shape(shape, body)
    if value is None:
        raise Invalid(faults)
    return value


def fault_of(error: Mapping[str, Any]) -> Fault:
    """One of pydantic's errors as a fault."""
    parts = [str(part) for part in error["loc"]]
    if parts[:1] == ["query"] and parts[-1].isdecimal():  # one of several values of a name
        parts.pop()
    location = ".".join(parts)[:_LONGEST_LOCATION] or "body"
    kind = error["type"]
    if kind == "missing":
        return Fault(location, "is required")
    if kind == "extra_forbidden":
        if location in READ_ONLY:
            return Fault(location, "is set by the service and can't be given")
        return Fault(location, "is not a field that is known here")
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return Fault(location, "must be a JSON object")
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return Fault(location, message[:1].lower() + message[1:])
