"""Problems: what every route answers when it refuses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from falcon_scheduler.api_facade.examples.tasks import TASK_ID

_DETAILS = {
    400: ("invalid", "The request is not valid; errors names every fault"),
    401: ("unauthenticated", "Authentication required"),
    403: ("permission_missing", "Permission denied: scheduler:tasks:create or super_admin is required"),
    404: ("task_not_found", f"Task {TASK_ID!r} was not found"),
    405: ("method_not_allowed", "PATCH is not possible here"),
    408: ("body_too_slow", "The body did not arrive in time"),
    409: ("name_taken", "A task named 'API Health Check' exists already"),
    413: ("body_too_large", "The body may have at most 65536 bytes"),
    414: ("uri_too_long", "The path or the query is too long"),
    415: ("unsupported_media_type", "Send the body as UTF-8 JSON with Content-Type: application/json"),
    429: ("rate_limited", "Too many requests; try again later"),
    500: ("internal", "Something went wrong on our side; the log knows it by this request id"),
    502: ("engine_refused", "Prefect refused this with status 409: the work pool's job template lacks a variable"),
    503: ("unavailable", "MongoDB is not available; try again later"),
}


def problem(status: int) -> dict[str, Any]:
    """An example of a problem with this status."""
    code, detail = _DETAILS[status]
    faults = {"errors": [{"location": "schedule", "message": "second: 61 is not within 0 to 59"}]}
    return {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **(faults if status == HTTPStatus.BAD_REQUEST else {}),
        "request_id": "3f1d2c9be1d24a6b8a5d0f7e6c4b2a19",
    }
