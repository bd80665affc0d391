"""`falcon-scheduler up`: the stack in the foreground, from the first progress line to the last process ended."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.demo import PREFIX, check_demos
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.process import end_leftovers
from falcon_scheduler.deployments.stack.product import Facade, PrefectServer, known_prefect_api

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Ready:
    """What the person who started the stack needs to know."""

    api_url: str
    prefect_ui_url: str | None
    """None when the Prefect server is not ours."""
    prefect_password: str | None
    """`user:password` for the Prefect UI and API."""
    prefect_login_link: str | None
    """Logs a browser in to the Prefect UI."""
    home: Path
    jwt_secret: str
    took: timedelta


async def run(
    settings: Settings,
    addresses: Addresses,
    *,
    home: Path,
    with_worker: bool,
    demos: tuple[str, ...] = (),
    say: Callable[[str], None],
    when_ready: Callable[[Ready], None],
) -> None:
    """Start what the environment does not provide, and run until a signal or the final failure of a part.

    Raises:
        StackError: it could not start or go on; all of its processes are ended.
    """
    serving = asyncio.create_task(
        _serve(
            EmbeddedStack(
                home,
                parts=chosen_parts(
                    settings,
                    with_worker=with_worker,
                    demos=demos,
                    own_prefect_url=known_prefect_api(Home(home)).get("PREFECT_API_URL"),
                ),
                addresses=addresses,
                settings=settings,
                report=say,
            ),
            settings,
            when_ready,
        )
    )
    _stop_on_signals(serving, home, say)
    try:
        await serving
    except asyncio.CancelledError:
        say("Everything is stopped")


def chosen_parts(
    settings: Settings, *, with_worker: bool, demos: tuple[str, ...] = (), own_prefect_url: str | None = None
) -> set[str]:
    """The parts to embed: each one whose address is not given.

    Args:
        own_prefect_url: the API of the home's own Prefect server. A terminal with the output of
            `falcon-scheduler env` has it in its environment; the server is embedded all the same.
    """
    parts = {"facade"}
    if with_worker:
        parts.add("worker")
    check_demos(demos, settings.system_tasks)
    parts.update(f"{PREFIX}{name}" for name in demos)
    if not settings.mongo.gives("uri"):
        parts.add("mongo")
    if not settings.redis.gives("host"):
        parts.add("valkey")
    if not settings.prefect.gives("api_url") or settings.prefect.api_url == own_prefect_url:
        parts.add("prefect")
        given = ("PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL")
        if not any(os.environ.get(name) for name in given):
            parts.add("postgres")
    return parts


async def _serve(stack: EmbeddedStack, settings: Settings, when_ready: Callable[[Ready], None]) -> None:
    began = time.monotonic()
    async with stack:
        when_ready(_ready(stack, settings, timedelta(seconds=time.monotonic() - began)))
        await stack.wait()


def _ready(stack: EmbeddedStack, settings: Settings, took: timedelta) -> Ready:
    facade = stack.part("facade")
    assert isinstance(facade, Facade)  # noqa: S101 - the part of this name is the facade
    prefect = stack.part("prefect") if stack.has("prefect") else None
    secret = settings.api.jwt_secret
    return Ready(
        api_url=facade.url,
        prefect_ui_url=prefect.url if isinstance(prefect, PrefectServer) else None,
        prefect_password=stack.environment.get("PREFECT_API_AUTH_STRING"),
        prefect_login_link=prefect.login_link if isinstance(prefect, PrefectServer) else None,
        home=stack.home.path,
        jwt_secret=secret.get_secret_value() if secret else stack.home.secret("jwt_secret"),
        took=took,
    )


def _stop_on_signals(serving: asyncio.Task[None], home: Path, say: Callable[[str], None]) -> None:
    asked = 0

    def on_signal() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            say("Stopping (once more to stop at once)")
            serving.cancel()
        else:
            say("Stopping at once")
            end_leftovers(home.expanduser().resolve(), grace=timedelta())

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
