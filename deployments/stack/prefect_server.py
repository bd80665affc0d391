"""Starts Prefect's server behind our check of hosts and origins, with the login page. A separate program.

    python -m falcon_scheduler.deployments.stack.prefect_server --port 4200 --trusted-host prefect.example.com

It also sends an event when a single schedule was changed, lists the time zones once instead of for each schedule,
marks a polled deployment only where that changes something
(docs/decisions/0024-prefect-server-at-ten-thousand-tasks.md), names the runs that it plans after their task
(`prefect_run_names.py`), and does not do again what has the same outcome: schemas are checked once, rows that a
transaction has read are known to it, and leases to the process (docs/decisions/0026-cheaper-prefect-server.md). Nor
does it build the same statement, or leave the event loop, for each request
(docs/decisions/0027-statements-built-once.md).

Everything else equals `prefect server start`: same app, same services, same settings. That command has no place for a
middleware, and Prefect itself checks neither header. Prefect's own setting PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS
lists the origins whose pages may call this server. Source: Prefect 3.8.8, `cli/_server_utils.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import prefect.settings as known
import uvicorn
from prefect.server.api.server import create_app
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from falcon_scheduler.adapters.web.callers import CallerCheck
from falcon_scheduler.core.errors import Forbidden
from falcon_scheduler.deployments.stack.prefect_collector import QuietCollector
from falcon_scheduler.deployments.stack.prefect_dependencies import look_up_without_threads, parse_addresses_once
from falcon_scheduler.deployments.stack.prefect_instants import hand_over_plain_instants, take_over_utc_instants
from falcon_scheduler.deployments.stack.prefect_known_rows import take_known_rows
from falcon_scheduler.deployments.stack.prefect_leases import keep_leases_in_memory
from falcon_scheduler.deployments.stack.prefect_login import LoginPage
from falcon_scheduler.deployments.stack.prefect_polls import mark_what_changes
from falcon_scheduler.deployments.stack.prefect_related_rows import read_related_rows_by_kept_statements
from falcon_scheduler.deployments.stack.prefect_run_names import name_planned_runs
from falcon_scheduler.deployments.stack.prefect_run_reading import read_runs_by_a_kept_statement
from falcon_scheduler.deployments.stack.prefect_schedule_checks import check_schedules_once
from falcon_scheduler.deployments.stack.prefect_schedule_events import ScheduleEvents
from falcon_scheduler.deployments.stack.prefect_schemas import check_schemas_once


def build(trusted_hosts: Sequence[str], *, webserver_only: bool = False) -> ASGIApp:
    """Prefect's whole app behind the check. Without trusted hosts every host is accepted."""
    allowed = known.PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS.value().split(",")
    return CallerCheck(
        LoginPage(
            ScheduleEvents(QuietCollector(create_app(final=True, webserver_only=webserver_only))),
            asks_itself_only=known.PREFECT_UI_API_URL.value().startswith("/"),
        ),
        hosts=trusted_hosts,
        origins=[origin for origin in allowed if origin not in {"", "*"}],
        refusal=_refusal,
    )


def _refusal(refused: Forbidden) -> ASGIApp:
    return JSONResponse({"exception_message": str(refused)}, status_code=403)


def _replace() -> None:
    check_schedules_once()
    check_schemas_once()
    read_related_rows_by_kept_statements()
    take_known_rows()  # what is known need not be read, so it is looked for first
    read_runs_by_a_kept_statement()
    hand_over_plain_instants()
    take_over_utc_instants()
    look_up_without_threads()
    parse_addresses_once()
    name_planned_runs()
    mark_what_changes()


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(description="Prefect's server, which refuses requests of foreign web pages.")
    parser.add_argument("--host", default=known.PREFECT_SERVER_API_HOST.value())
    parser.add_argument("--port", type=int, default=known.PREFECT_SERVER_API_PORT.value())
    parser.add_argument("--trusted-host", action="append", default=[], help="A name of this server; repeatable.")
    parser.add_argument("--no-services", action="store_true", help="Only the API and the UI.")
    given = parser.parse_args()
    _replace()
    if not given.no_services:  # the only process of its kind
        keep_leases_in_memory()
    uvicorn.run(
        build(given.trusted_host, webserver_only=given.no_services),
        host=given.host,
        port=given.port,
        timeout_keep_alive=known.PREFECT_SERVER_API_KEEPALIVE_TIMEOUT.value(),
        ws_ping_interval=known.PREFECT_SERVER_API_WEBSOCKET_PING_INTERVAL.value(),
        ws_ping_timeout=known.PREFECT_SERVER_API_WEBSOCKET_PING_TIMEOUT.value(),
        log_level=known.PREFECT_SERVER_LOGGING_LEVEL.value().lower(),
    )


if __name__ == "__main__":
    main()
