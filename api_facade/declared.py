"""How routes declare their answers and bodies in the OpenAPI document, each with an example."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from falcon_scheduler.api_facade import ignored
from falcon_scheduler.api_facade.examples import problems as examples
from falcon_scheduler.api_facade.problems import MEDIA_TYPE
from falcon_scheduler.api_facade.query_policy import (
    UnknownNames,
    given_twice,
    known_names,
    policy_of,
    repeated,
    unknown,
)
from falcon_scheduler.api_facade.shape import fault_of
from falcon_scheduler.core.errors import Fault, Invalid

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_refused: ContextVar[Sequence[Fault]] = ContextVar("refused_query", default=())


class LeanRoute(APIRoute):
    """A route that leaves fields without a value out of its answer, as the documented API does.

    The query is checked by the route's policy. Its faults are raised only after the caller is identified, together
    with all other faults.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **named: Any) -> None:
        named["response_model_exclude_none"] = True
        super().__init__(path, _unless_refused(endpoint), **named)

    def get_route_handler(self) -> Handler:
        """See FastAPI."""
        answer = super().get_route_handler()
        known, policy = known_names(self.dependant), policy_of(self.name)

        async def judged(request: Request) -> Response:
            strange = [*unknown(request.query_params, known)]
            refused = [*repeated(request.query_params, known), *given_twice(request.query_params, known)]
            if policy is UnknownNames.REFUSE:
                refused += strange
            else:
                ignored.ignore(request, strange)
            before = _refused.set(refused)
            try:
                response = await answer(request)
            except RequestValidationError as error:
                raise Invalid([*map(fault_of, error.errors()), *refused]) from error
            finally:
                _refused.reset(before)
            if faults := ignored.ignored(request):
                response.headers[ignored.HEADER] = ignored.warning_of(faults)
            return response

        return judged


def _unless_refused(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint, which is not called when the query has faults."""

    @functools.wraps(endpoint)
    async def asked(*args: Any, **named: Any) -> Any:
        if refused := _refused.get():
            raise Invalid(refused)
        return await endpoint(*args, **named)

    return asked


READ = (401,)
"""Statuses of every route that identifies its caller."""
CHANGE = (401, 403, 502, 503)
"""Statuses of every route that needs a permission, and stores."""

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
    wrong_query = {400} if 401 in problems else set()
    for status in sorted({*problems, *wrong_query, 405, 414, 429, 500}):
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
    """A route's body: the name of its schema, and examples by name."""
    content = {
        "schema": {"$ref": f"#/components/schemas/{shape}"},
        "examples": {name: {"value": value} for name, value in named.items()},
    }
    return {"requestBody": {"required": required, "content": {"application/json": content}}}
