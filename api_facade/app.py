"""The API process: `uvicorn --factory falcon_scheduler.api_facade.app:create_app`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from falcon_scheduler import __version__
from falcon_scheduler.adapters.settings import Settings, warn_of_unknown_names
from falcon_scheduler.adapters.web.callers import CallerCheck
from falcon_scheduler.api_facade.bounds import RequestBounds
from falcon_scheduler.api_facade.container import Container
from falcon_scheduler.api_facade.handlers import install_handlers
from falcon_scheduler.api_facade.heavy import share_interpreter_fairly
from falcon_scheduler.api_facade.logs import configure_logs
from falcon_scheduler.api_facade.metrics.http import RequestMetrics
from falcon_scheduler.api_facade.metrics.route import metrics_router
from falcon_scheduler.api_facade.openapi import TITLE, install_docs, install_openapi
from falcon_scheduler.api_facade.problems import problem_of
from falcon_scheduler.api_facade.routes import (
    alerts,
    audit,
    backfill,
    batches,
    calendars,
    control,
    events,
    executions,
    ledger,
    page,
    root,
    run_logs,
    schedules,
    service,
    session,
    simulation,
    tasks,
    workers,
)
from falcon_scheduler.api_facade.tracing import HEADER, RequestTracing, request_id

Open = Callable[[], AbstractAsyncContextManager[Container]]


def create_app() -> FastAPI:
    """The app as the environment describes it. Raises `SettingsError`."""
    from falcon_scheduler.api_facade.composition.root import (
        open_container,  # Prefect is imported only by those who serve
    )

    settings = Settings.load()
    configure_logs()
    share_interpreter_fairly()
    logger = logging.getLogger(__name__)
    warn_of_unknown_names(logger)
    settings.system_tasks.log_problems(logger)
    return _assemble(settings, lambda: open_container(settings))


def build_app(container: Container, settings: Settings) -> FastAPI:
    """The app on a container that is open already and stays so."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Container]:
        yield container

    app = _assemble(settings, opened)
    app.state.container = container
    return app


def _assemble(settings: Settings, open_container: Open) -> FastAPI:
    base = f"{settings.api.api_prefix}/scheduler"

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_container() as container:
            app.state.container = container
            yield

    app = FastAPI(
        title=TITLE,
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would be made of the caller's Host header
        generate_unique_id_function=lambda route: route.name,
        separate_input_output_schemas=False,
    )
    for router in (
        service.router,
        schedules.router,
        simulation.router,
        calendars.router,
        batches.router,
        tasks.router,
        control.router,
        backfill.router,
        executions.router,
        ledger.router,
        audit.router,
        alerts.router,
        session.router,
        events.router,
        run_logs.router,
        workers.router,
    ):
        app.include_router(router, prefix=base)
    app.include_router(page.page_router(base))
    app.include_router(root.root_router(settings.api.api_prefix, base))
    app.include_router(metrics_router(settings.api.metrics_token))
    install_docs(app, base)
    install_openapi(app, base)
    install_handlers(app)
    app.add_middleware(
        CallerCheck,
        hosts=settings.api.api_trusted_hosts,
        origins=settings.api.api_trusted_origins,
        refusal=lambda refused: problem_of(refused, request_id()),
    )
    app.add_middleware(RequestMetrics)
    if settings.api.api_trusted_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.api.api_trusted_origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-CSRF-Token", HEADER],
            expose_headers=["Location", "Retry-After", "Warning", HEADER],
        )
    app.add_middleware(RequestBounds)
    app.add_middleware(RequestTracing, unlogged=root.UNLOGGED)
    return app
