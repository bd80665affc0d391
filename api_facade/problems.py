"""Every error as `application/problem+json`, by one table from error class to status.

Source: RFC 9457; scheduler API, "Error Handling". Internal errors are not described to clients: an error outside of
the table is a 500 whose id is in the log.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from falcon_scheduler.api_facade.rates import TooManyRequests
from falcon_scheduler.core.errors import (
    Conflict,
    EngineRefused,
    Fault,
    Forbidden,
    Invalid,
    NotFound,
    QueueFull,
    SchedulerError,
    Unauthenticated,
    Unavailable,
    UnreadableDocument,
)

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 100
"""Faults listed in one answer."""
CHALLENGE = 'Bearer realm="falcon-scheduler"'


class BodyTooLarge(SchedulerError):
    """More bytes than a body may have."""

    code = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body may have at most {limit} bytes")


class BodyTooSlow(SchedulerError):
    """The body did not arrive in time."""

    code = "body_too_slow"

    def __init__(self) -> None:
        super().__init__("The body did not arrive in time")


class UriTooLong(SchedulerError):
    """The path or the query has more bytes, or parts, than one may have."""

    code = "uri_too_long"

    def __init__(self) -> None:
        super().__init__("The path or the query is too long")


class UnsupportedMedia(SchedulerError):
    """The body is not declared as plain JSON."""

    code = "unsupported_media_type"

    def __init__(self, message: str = "Send the body as UTF-8 JSON with Content-Type: application/json") -> None:
        super().__init__(message)


STATUS: Mapping[type[SchedulerError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    QueueFull: HTTPStatus.SERVICE_UNAVAILABLE,
    EngineRefused: HTTPStatus.BAD_GATEWAY,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    BodyTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    UriTooLong: HTTPStatus.REQUEST_URI_TOO_LONG,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    SchedulerError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""An error has the status of its nearest ancestor here."""


def status_of(error: SchedulerError) -> HTTPStatus:
    """The status of the answer to an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(error: SchedulerError, own_id: str) -> JSONResponse:
    """The answer to an error of ours."""
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, UnreadableDocument):
        return internal_problem(own_id)
    headers: dict[str, str] = {}
    faults: Sequence[Fault] = ()
    detail = str(error)
    if isinstance(error, Invalid):
        faults = error.faults
        detail = "The request is not valid; errors names every fault"
        if (more := len(faults) - MOST_FAULTS) > 0:
            detail = f"The request is not valid; errors names {MOST_FAULTS} faults, and there are {more} more"
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(error, QueueFull | Unavailable | TooManyRequests):
        headers["Retry-After"] = str(math.ceil(error.retry_after.total_seconds()))
    return problem(status, detail, own_id, code=error.code, faults=faults, headers=headers)


def internal_problem(own_id: str) -> JSONResponse:
    """The answer to an unexpected error."""
    detail = "Something went wrong on our side; the log knows it by this request id"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, own_id, code="internal")


def problem(
    status: HTTPStatus,
    detail: str,
    own_id: str,
    *,
    code: str,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """One problem document."""
    body: dict[str, Any] = {"title": status.phrase, "status": int(status), "detail": detail, "code": code}
    if faults:
        body["errors"] = [{"location": fault.location, "message": fault.message} for fault in faults[:MOST_FAULTS]]
    body["request_id"] = own_id
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=dict(headers or {}))
