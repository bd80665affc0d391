"""Assertions on an answer's body. The cost of each is bounded by the body's size, for every text of its author.

JSON paths are singular queries of RFC 9535 (names and indices, at most one place). Wildcards, descents and filters
can take unbounded time, and "equals" needs exactly one value.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import jsonpath
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

_SHOWN_LENGTH = 200


def _singular(path: str) -> str:
    try:
        query = jsonpath.compile(path)
    except jsonpath.JSONPathError:
        query = None
    if not path.startswith("$") or not isinstance(query, jsonpath.JSONPath) or not query.singular_query():
        raise ValueError("must be a JSON path to one place, such as $.data.items[0].status")
    return path


class _Assertion(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Contains(_Assertion):
    """The body holds this text."""

    type: Literal["contains"]
    text: Annotated[str, Field(min_length=1, max_length=4096)]

    def failure(self, text: str, document: JsonDocument) -> str:
        """Why it fails; empty when it holds."""
        return "" if self.text in text else f"the body does not contain {_shown(self.text)}"


class JsonPathEquals(_Assertion):
    """The body is JSON with this value at this path. Numbers are compared by value, and 1 is not true."""

    type: Literal["json_path"]
    path: Annotated[str, Field(max_length=1024), AfterValidator(_singular)]
    equals: JsonValue

    def failure(self, text: str, document: JsonDocument) -> str:
        """Why it fails; empty when it holds."""
        if document.fault:
            return f"{self.path} can't be looked up: {document.fault}"
        found = [match.obj for match in jsonpath.compile(self.path).finditer(document.value)]
        if not found:
            return f"there is nothing at {self.path}"
        if not _same(found[0], self.equals):
            return f"{self.path} is {_shown(found[0])}, expected {_shown(self.equals)}"
        return ""


class JsonDocument:
    """A body parsed as JSON, once, at the first use."""

    def __init__(self, text: str, *, truncated: bool) -> None:
        self.value: Any = None
        self.fault = "the body is longer than what is read of it" if truncated else ""
        if truncated:
            return
        try:
            self.value = json.loads(text)
        except (ValueError, RecursionError):
            self.fault = "the body is not JSON"


def _same(found: Any, expected: Any) -> bool:
    """Whether both are the same JSON value. Goes no deeper than the expected value."""
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(_same(found[name], inner) for name, inner in expected.items())
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(_same, found, expected))
    return isinstance(found, bool) == isinstance(expected, bool) and bool(found == expected)


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "a deeply nested value"
    return text if len(text) <= _SHOWN_LENGTH else f"{text[:_SHOWN_LENGTH]}…"
