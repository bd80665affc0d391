"""How routes declare their answers and bodies in the OpenAPI document, each with an example."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.routing import APIRoute

from api_facade import examples
from api_facade.problems import MEDIA_TYPE


class LeanRoute(APIRoute):
    """A route that leaves fields without a value out of its answer, as the documented API does."""

    def __init__(self, *args: Any, **named: Any) -> None:
        named["response_model_exclude_none"] = True
        super().__init__(*args, **named)


READ = (401,)
"""Statuses of every route that asks who is there."""
CHANGE = (401, 403, 503)
"""Statuses of every route that asks for a permission, and stores."""

_HEADERS: Mapping[int, Mapping[str, Any]] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    405: {"Allow": {"schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}


def answers(success: int, example: Any, *problems: int, **headers: str) -> dict[int | str, dict[str, Any]]:
    """The answers of a route: its success with an example, and its problems."""
    declared: dict[int | str, dict[str, Any]] = {
        success: {
            "description": HTTPStatus(success).phrase,
            "content": {"application/json": {"example": example}},
            "headers": {
                name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
                for name, text in headers.items()
            },
        }
    }
    for status in sorted({*problems, 405, 414, 429, 500}):
        declared[status] = problem_answer(status)
    return declared


def problem_answer(status: int) -> dict[str, Any]:
    """One problem."""
    example = examples.problem(status)
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: content},
        "headers": dict(_HEADERS.get(status, {})),
    }


def takes(shape: str, *, required: bool = True, **named: Any) -> dict[str, Any]:
    """A route's body: the name of its shape, and examples by name."""
    content = {
        "schema": {"$ref": f"#/components/schemas/{shape}"},
        "examples": {name: {"value": value} for name, value in named.items()},
    }
    return {"requestBody": {"required": required, "content": {"application/json": content}}}
