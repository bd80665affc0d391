"""The groups of variables, each with its prefix, defaults and meanings.

Every variable is `<PREFIX><FIELD>` in capitals: `SCHEDULER_` and `worker_count` make `SCHEDULER_WORKER_COUNT`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from falcon_scheduler.adapters.settings import checks
from falcon_scheduler.adapters.settings.checks import Addresses, Duration, Listed, WebAddress

DEFAULT_HOME = Path(".falcon")
"""Where data is stored unless `SCHEDULER_HOME` is set: in the working directory, so that a checkout holds
its own data and two checkouts never share it."""


class Group(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    def gives(self, field: str) -> bool:
        """Whether the environment sets this field; else it has its default."""
        return field in self.model_fields_set


class MongoSettings(Group):
    """Where tasks and executions are kept."""

    model_config = SettingsConfigDict(env_prefix="MONGODB_")

    uri: Annotated[str, AfterValidator(checks.mongo_uri), Field(repr=False)] = "mongodb://localhost:27017"
    """May contain a password, so it is left out of every repr."""
    database: Annotated[str, Field(pattern=r'^[^/\\. "$*<>:|?]{1,63}$')] = "go_falcon"
    """Defaults to the database that `uri` names, if it names one."""

    @model_validator(mode="before")
    @classmethod
    def _name_of_uri(cls, values: Any) -> Any:
        """`MONGODB_DATABASE` takes precedence over the path of the URI."""
        if isinstance(values, dict) and "database" not in values and (name := checks.database_of(values.get("uri"))):
            return {**values, "database": name}
        return values


class RedisSettings(Group):
    """Where locks, leases and the ESI cache are kept."""

    model_config = SettingsConfigDict(env_prefix="REDIS_")

    url: Annotated[SecretStr, AfterValidator(checks.redis_url)] | None = None
    """`redis://:password@host:6379/0`, or `rediss://` over TLS; the variables below take precedence over it."""
    host: str = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    username: str | None = None
    password: SecretStr | None = None
    db: Annotated[int, Field(ge=0)] = 0
    tls: bool = False

    @model_validator(mode="before")
    @classmethod
    def _parts_of_url(cls, values: Any) -> Any:
        """Take from the URL every part that has no variable of its own."""
        return {**checks.parts_of_redis_url(values.get("url")), **values} if isinstance(values, dict) else values


class SchedulerSettings(Group):
    """How the scheduler runs and cleans up."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_")

    worker_count: Annotated[int, Field(ge=1, le=1000)] = 10
    """Runs that one worker carries at once."""
    queue_size: Annotated[int, Field(ge=1)] = 1000
    """Runs that may wait before `execute` answers 503."""
    cleanup_interval: Duration = timedelta(hours=1)
    """How often the facade sweeps for what the event stream missed and for stale runs."""
    watch_share: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Share of time that the facade may spend on looking for changes in Prefect that Prefect does not announce."""
    stale_timeout: Duration = timedelta(hours=2)
    """Age at which a run that still reports to be running is taken for stale."""
    cancel_grace: Duration = timedelta(seconds=10)
    """Time that a cancelled run has to end before it is killed."""
    shutdown_grace: Duration = timedelta(seconds=30)
    """Time that running work has to end after its worker is stopped."""
    retention: Duration = timedelta(days=30)
    """Age past which finished executions, and the runs in Prefect behind them, are removed."""
    takeover_grace: Duration = timedelta(days=7)
    """How long after a takeover the history of the earlier scheduler is kept, regardless of its age."""
    audit_retention: Duration = timedelta(days=365)
    """Age past which entries of the audit are removed."""
    home: Path = DEFAULT_HOME
    """Data, logs and secrets of the local stack."""
    timezone: Annotated[str, AfterValidator(checks.timezone)] = "UTC"
    """IANA zone in which schedules are read when a task names none."""
    system_tasks: Listed = ()
    """Which system tasks are on: names of plug-ins, or ids of tasks; all that are installed when not given. See
    docs/system-tasks.md."""
    plugins: Annotated[Listed, AfterValidator(checks.plugins)] = ()
    """Modules or `.py` files whose functions and executors are registered, see docs/executors.md."""
    allow_command: bool = False
    """Whether job variables may replace the code of a run: by a command, by `working_dir` of a single run, or by
    environment variables that change which code is loaded. See docs/operations.md."""
    http_concurrency: Annotated[int, Field(ge=0, le=10_000)] = 300
    """http tasks that one worker performs at once in one process, beside those of `worker_count`; with 0 each has a
    process and a place among those."""
    http_per_host: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Requests that one worker sends to one host at once."""
    http_memory_mb: Annotated[int, Field(ge=64)] = 512
    """Memory at which the process that performs http tasks is replaced by a new one; at twice this it is killed."""
    http_allow: Annotated[Listed, AfterValidator(checks.allow_rules)] = ()
    """Addresses that http tasks may call although they are not public: networks, addresses, names; `:port` may
    follow. See docs/executors.md."""
    http_proxy: Annotated[SecretStr, AfterValidator(checks.proxy)] | None = None
    """Proxy of http tasks that name none; may hold a password."""


class ApiSettings(Group):
    """Addresses of the facade, and whose tokens it accepts. Its variables have no common prefix."""

    model_config = SettingsConfigDict(env_prefix="")

    jwt_secret: Annotated[SecretStr, AfterValidator(checks.signing_secret)] | None = None
    """Signs and verifies HS256 tokens. Only the facade needs it; without it no HS256 token is accepted."""
    jwt_secret_previous: Annotated[SecretStr, AfterValidator(checks.signing_secret)] | None = None
    """The previous secret: it still verifies, so that a change of the secret logs nobody out."""
    jwt_jwks_issuer: str | None = None
    jwt_jwks_url: WebAddress | None = None
    """Key set of an identity provider whose RS256 and EdDSA tokens are accepted too; needs the issuer."""
    jwt_jwks_audience: str | None = None
    """The `aud` that the provider's tokens must contain; not checked when absent."""
    api_rate_limit: Annotated[float, Field(ge=0, le=100_000)] = 100
    """Requests per second that one caller may make of one facade, twice that for a moment; 0 lifts the limit."""
    metrics_token: Annotated[SecretStr, AfterValidator(checks.access_token)] | None = None
    """Bearer token that `/metrics` requires; without this setting `/metrics` is public."""
    api_read_permission: bool = False
    """Whether reading needs `scheduler:tasks:read` (or any other permission of the scheduler), for deployments whose
    groups grant it; otherwise a token is enough."""
    api_trusted_origins: Annotated[Listed, AfterValidator(checks.origins)] = ()
    """Origins such as https://ui.example.com whose pages may call the API with the user's cookie."""
    api_trusted_proxies: Annotated[Listed, AfterValidator(checks.networks)] = ()
    """Addresses and networks of proxies in front of the API. Only their X-Forwarded-For is believed."""
    api_trusted_hosts: Annotated[Listed, AfterValidator(checks.host_names)] = ()
    """Host names that requests may use, `*.example.com` for all below one. Without it every name is accepted; the
    local stack sets its own names and refuses all others."""
    api_prefix: Annotated[str, AfterValidator(checks.api_prefix)] = ""
    """Path in front of `/scheduler`: empty, or starting with a slash and not ending with one."""

    @field_validator("jwt_jwks_url")
    @classmethod
    def _has_issuer(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and not info.data.get("jwt_jwks_issuer"):
            raise ValueError("needs JWT_JWKS_ISSUER, without which anybody's tokens of that provider would count")
        return value


class AlertSettings(Group):
    """When to alert, and the channels. See docs/alerts.md."""

    model_config = SettingsConfigDict(env_prefix="ALERT_")

    webhook_secret: Annotated[SecretStr, AfterValidator(checks.webhook_secret)] | None = None
    """Signs messages to webhooks: any text, or `whsec_` and base64."""
    webhooks: Annotated[Addresses, AfterValidator(checks.webhooks)] = ()
    """Where to POST: `https://…` or `name=https://…`, with commas or space between; may hold tokens."""
    apprise: Annotated[Addresses, AfterValidator(checks.apprise_urls)] = ()
    """Apprise URLs, named and separated alike."""
    prefect_events: bool = True
    """Whether alerts are sent to Prefect as events."""
    failures_in_a_row: Annotated[int, Field(ge=1, le=100)] = 3
    failure_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    failure_rate_runs: Annotated[int, Field(ge=2, le=100)] = 20
    """Over how many of a task's latest runs the rate is taken."""
    late_after: Duration = timedelta(minutes=5)
    """How long past its time a run is late, or missed."""
    queue_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of `SCHEDULER_QUEUE_SIZE` from which on the queue counts as full."""
    timeout: Annotated[Duration, AfterValidator(checks.patience)] = timedelta(seconds=10)
    """How long a channel may take for one message."""
    give_up_after: Duration = timedelta(hours=24)
    """How long a message is retried that a channel does not take."""

    @field_validator("webhooks")
    @classmethod
    def _are_signed(cls, value: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        if value and not info.data.get("webhook_secret"):
            raise ValueError("need ALERT_WEBHOOK_SECRET, which signs their messages")
        return value

    @field_validator("apprise")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        checks.distinct_channels(info.data.get("webhooks", ()), value)
        return value


class PrefectSettings(Group):
    """The address of Prefect. Prefect itself reads all its other variables."""

    model_config = SettingsConfigDict(env_prefix="PREFECT_")

    api_url: WebAddress = "http://127.0.0.1:4200/api"
