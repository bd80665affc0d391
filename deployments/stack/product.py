"""The three processes that are the product: the Prefect server, the facade and one worker."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import httpx

from falcon_scheduler.adapters.settings import PrefectSettings, Settings, is_for_runs
from falcon_scheduler.adapters.settings.names import facade_names, known_names
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.environment import defaults
from falcon_scheduler.deployments.stack.home import Home, free_port
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.prefect_login import login_link
from falcon_scheduler.deployments.stack.prefect_settings import log_settings, server_settings, worker_settings
from falcon_scheduler.deployments.stack.process import Command

_POOL = "falcon"
PREFECT_API = "prefect_api"
"""The secret of a home that contains the variables for a client of its Prefect server, as JSON."""


class PrefectServer(Part):
    """Prefect's API, services and UI in one process."""

    name = "prefect"
    title = "Prefect server"
    after = frozenset({"postgres"})

    def __init__(self, home: Home, settings: Settings, addresses: Addresses, http: httpx.AsyncClient) -> None:
        super().__init__(home)
        self._http = http
        self._settings = settings
        self._addresses = addresses
        self._port = addresses.prefect_port or free_port()
        # Everybody who reaches an open Prefect API can run code here: every user of this machine, and every web page
        # that one of them opens. So it always requires a password.
        given = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
        self._auth_string = given or f"falcon:{home.secret('prefect_password')}"

    @property
    def url(self) -> str:
        """Where its UI is; its API is under `/api`."""
        return self._addresses.url(self._port)

    @property
    def login_link(self) -> str:
        """Logs the browser that opens it in to the UI."""
        return login_link(self.url, self._auth_string)

    async def prepare(self) -> None:
        """Write address and password to where `falcon-scheduler env` reads them, for the `prefect` command."""
        self.home.keep_secret(PREFECT_API, json.dumps(dict(self.environment())))

    def command(self) -> Command:
        own = [f"http://{name}:{self._port}" for name in ("127.0.0.1", "localhost")]
        settings = {
            **server_settings(self._settings.scheduler),
            # Default `*`: any page in the user's browser could call this API.
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(own),
            # The UI calls the server that it was loaded from, under the host name in the browser's address bar.
            "PREFECT_UI_API_URL": "/api",
            # Prefect copies its UI before it serves it; by default into its own package, which may be read-only.
            "PREFECT_UI_STATIC_DIRECTORY": str(self.home.data(self.name) / "ui"),
        }
        names = dict.fromkeys((*self._addresses.names, *self._settings.api.api_trusted_hosts))
        argv = (
            *(sys.executable, "-m", "falcon_scheduler.deployments.stack.prefect_server"),
            *("--host", self._addresses.host, "--port", str(self._port)),
            *(argument for name in names for argument in ("--trusted-host", name)),
        )
        password = {"PREFECT_SERVER_API_AUTH_STRING": self._auth_string}
        return Command(argv=argv, environment={**defaults(settings), **password})

    def reads(self, name: str) -> bool:
        """It gets none of our variables."""
        return name not in known_names()

    async def is_ready(self) -> bool:
        return (await self._http.get(f"{self.url}/api/health")).is_success

    def environment(self) -> Mapping[str, str]:
        return {"PREFECT_API_URL": f"{self.url}/api", "PREFECT_API_AUTH_STRING": self._auth_string}


class Facade(Part):
    """The REST API."""

    name = "facade"
    title = "Scheduler API"
    after = frozenset({"valkey", "mongo"})
    """Not the Prefect server: the facade waits for it itself, and both take seconds to import."""

    def __init__(self, home: Home, settings: Settings, addresses: Addresses, http: httpx.AsyncClient) -> None:
        super().__init__(home)
        self._http = http
        self._addresses = addresses
        self._port = addresses.facade_port or free_port()
        self._secret = settings.api.jwt_secret.get_secret_value() if settings.api.jwt_secret else None
        self._names = dict.fromkeys((*addresses.names, *settings.api.api_trusted_hosts))
        self._http_allow = settings.scheduler.http_allow
        self._prefix = settings.api.api_prefix
        plugins = settings.system_tasks.plugins.values()
        self._only_runs_read = frozenset().union(*(plugin.only_runs_read for plugin in plugins))

    @property
    def url(self) -> str:
        """Base of the documented API, prefix and `/scheduler` included."""
        return f"{self._addresses.url(self._port)}{self._prefix}/scheduler"

    def command(self) -> Command:
        return Command(
            argv=(
                *(sys.executable, "-m", "uvicorn", "falcon_scheduler.api_facade.app:create_app", "--factory"),
                *("--host", self._addresses.host, "--port", str(self._port)),
                # Under a flood of requests the facade must stay responsive: idle connections are closed, the longest
                # idle first, and beyond so many requests at once the answer is 503.
                *("--http", "falcon_scheduler.api_facade.connections:BoundedProtocol", "--backlog", "256"),
                *("--limit-concurrency", "500", "--timeout-keep-alive", "10"),
                *("--timeout-graceful-shutdown", "5", "--no-server-header", "--no-proxy-headers"),
            ),
            environment={
                "JWT_SECRET": self._secret or self.home.secret("jwt_secret"),
                "API_TRUSTED_HOSTS": ",".join(self._names),
            },
        )

    def reads(self, name: str) -> bool:
        """Everything but what Prefect's server or the system tasks of plug-ins keep to themselves."""
        return name in facade_names() or (is_for_runs(name) and name not in self._only_runs_read)

    def environment(self) -> Mapping[str, str]:
        """On loopback http tasks may call this API too, so that a first task has something to call."""
        if not self._addresses.is_loopback:
            return {}
        return {"SCHEDULER_HTTP_ALLOW": ",".join((*self._http_allow, f"127.0.0.1:{self._port}"))}

    async def is_ready(self) -> bool:
        """Whether it has its servers and has seeded the system tasks, so that the first list is not empty."""
        status = (await self._http.get(f"{self.url}/status")).json()
        return bool(status["status"] != "unhealthy" and status["metrics"]["total_tasks"] > 0)


class Worker(Part):
    """One worker on the pool, with as many slots as `SCHEDULER_WORKER_COUNT`."""

    name = "worker"
    title = "Worker"
    after = frozenset({"valkey", "mongo", "prefect", "facade"})

    def __init__(
        self, home: Home, settings: Settings, environment: Mapping[str, str], http: httpx.AsyncClient
    ) -> None:
        super().__init__(home)
        self._http = http
        self._scheduler = settings.scheduler
        self._environment = environment
        self._started_at = datetime.now(UTC)
        self._name = f"falcon-{socket.gethostname()}"  # machines may share a Prefect server; names must differ

    async def prepare(self) -> None:
        """Remember the time of this start: Prefect still lists the workers of earlier starts."""
        self._started_at = datetime.now(UTC)

    def command(self) -> Command:
        return Command(
            argv=(
                *(sys.executable, "-m", "prefect", "worker", "start", "--pool", _POOL, "--type", "warm-process"),
                *("--name", self._name, "--limit", str(self._scheduler.worker_count)),
            ),
            environment=defaults(worker_settings() | log_settings()),
            stop_grace=self._scheduler.shutdown_grace + timedelta(seconds=5),
        )

    def reads(self, name: str) -> bool:
        """The variables that runs may read: they inherit the worker's environment."""
        return is_for_runs(name)

    async def is_ready(self) -> bool:
        known = {**os.environ, **self._environment}
        api_url = known.get("PREFECT_API_URL", PrefectSettings().api_url)
        user, _, password = known.get("PREFECT_API_AUTH_STRING", "").partition(":")
        answer = await self._http.post(
            f"{api_url}/work_pools/{_POOL}/workers/filter",
            json={"limit": 200},
            auth=httpx.BasicAuth(user, password) if user else httpx.USE_CLIENT_DEFAULT,
        )
        return answer.is_success and any(self._is_this_start(worker) for worker in answer.json())

    def _is_this_start(self, worker: dict[str, str]) -> bool:
        seen_at = datetime.fromisoformat(worker["last_heartbeat_time"])
        return worker["name"] == self._name and seen_at >= self._started_at


def known_prefect_api(home: Home) -> Mapping[str, str]:
    """The variables for a client of this home's Prefect server. Empty when the home has none."""
    known: dict[str, str] = json.loads(home.known_secret(PREFECT_API) or "{}")
    return known
