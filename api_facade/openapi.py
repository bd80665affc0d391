"""The OpenAPI document and the page that shows it; both work without internet."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from falcon_scheduler.api_facade.deps import Public
from falcon_scheduler.api_facade.optional_fields import describe_defaults, leave_out_null, without_null
from falcon_scheduler.api_facade.schemas.alerts import AlertTest
from falcon_scheduler.api_facade.schemas.backfill import BackfillRequest
from falcon_scheduler.api_facade.schemas.batches import BulkRequest, ImportRequest, TaskImport
from falcon_scheduler.api_facade.schemas.calendars import CalendarChange, CalendarCreate
from falcon_scheduler.api_facade.schemas.common import Problem
from falcon_scheduler.api_facade.schemas.executions import ExecuteRequest
from falcon_scheduler.api_facade.schemas.schedules import ConversionQuestion, ScheduleQuestion
from falcon_scheduler.api_facade.schemas.session import SessionRequest
from falcon_scheduler.api_facade.schemas.simulation import SimulationQuestion
from falcon_scheduler.api_facade.schemas.task_changes import TaskCreate, TaskUpdate

TITLE = "Falcon Scheduler"
_DESCRIPTION = """\
Schedules and runs tasks on Prefect. Reads need a token; changes need `super_admin` or the permission that is named
with the route. Errors are `application/problem+json`; a 400 lists all faults. Times are UTC, lengths of time are Go
text.
"""
_BODIES = (
    TaskCreate,
    TaskUpdate,
    TaskImport,
    BackfillRequest,
    CalendarCreate,
    CalendarChange,
    ExecuteRequest,
    ScheduleQuestion,
    ConversionQuestion,
    SimulationQuestion,
    BulkRequest,
    ImportRequest,
    AlertTest,
    SessionRequest,
)
_TEMPLATE = "#/components/schemas/{model}"


def install_openapi(app: FastAPI, base: str) -> None:
    """Make the app describe itself. We read bodies ourselves, so their schemas are added here."""

    def describe() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.__dict__["openapi"] = describe  # the framework's documented way, which mypy rejects as an assignment

    @cache
    def written() -> bytes:
        return json.dumps(app.openapi(), ensure_ascii=False).encode()

    @app.get(f"{base}/openapi.json", include_in_schema=False, dependencies=[Public])
    async def document() -> Response:
        return Response(written(), media_type="application/json")  # a public route, so the document is written once


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=TITLE, version=app.version, description=_DESCRIPTION, routes=app.routes)
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)  # what is invalid is a 400 here
            for parameter in operation.get("parameters", []):
                without_null(parameter["schema"])
            operation["responses"] = dict(sorted(operation["responses"].items()))
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, bodies = models_json_schema([(each, "validation") for each in _BODIES], ref_template=_TEMPLATE)
    _, answers = models_json_schema([(Problem, "serialization")], ref_template=_TEMPLATE)
    describe_defaults(bodies["$defs"])
    leave_out_null(schemas | answers["$defs"])
    schemas.update(bodies["$defs"] | answers["$defs"])
    return document


def install_docs(app: FastAPI, base: str) -> None:
    """Serve the page at `{base}/docs`, with its files from our own environment."""
    assets = StaticFiles(directory=str(files("fastapi_offline") / "static"))
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=TITLE,
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="docs/assets/favicon.png",
        swagger_ui_parameters={"persistAuthorization": True, "displayRequestDuration": True},
    )

    page.headers["Content-Security-Policy"] = _docs_policy(bytes(page.body))

    @app.get(f"{base}/docs", include_in_schema=False, dependencies=[Public])
    async def docs() -> HTMLResponse:
        return page

    app.mount(f"{base}/docs/assets", assets)


def _docs_policy(page: bytes) -> str:
    """The page may run its own script, which is identified by its digest, and load what comes from here."""
    (script,) = re.findall(rb"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256(script).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self' 'unsafe-inline'",  # Swagger UI sets style attributes
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
