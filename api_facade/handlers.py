"""Turns what routes and the framework raise into problems."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from falcon_scheduler.api_facade.problems import problem, problem_of
from falcon_scheduler.api_facade.shape import fault_of
from falcon_scheduler.api_facade.tracing import request_id
from falcon_scheduler.core.errors import Invalid, SchedulerError

_METHODS = ("DELETE", "GET", "HEAD", "POST", "PUT")


def install_handlers(app: FastAPI) -> None:
    """Answer every error of the app with a problem."""
    app.add_exception_handler(SchedulerError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, SchedulerError)  # noqa: S101 - registered for these alone
    return problem_of(error, request_id())


async def _invalid(request: Request, error: Exception) -> Response:
    """Queries and paths are read by the framework; bodies by us."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these alone
    faults: Sequence[dict[str, Any]] = error.errors()
    return problem_of(Invalid([fault_of(each) for each in faults]), request_id())


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these alone
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    detail = {
        HTTPStatus.NOT_FOUND: "There is nothing at this path",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not possible here",
    }.get(status, status.phrase)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_at(request.app.routes, request.scope))
    return problem(status, detail, request_id(), code=status.name.lower(), headers=headers)


def _methods_at(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """All methods of all routes at the path; the framework gives only those of the first route."""
    return [method for method in _METHODS if any(_takes(route, {**scope, "method": method}) for route in routes)]


def _takes(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is Match.FULL
