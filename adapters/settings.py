"""The environment, read once into typed groups: the only reader of `os.environ` for configuration.

    settings = Settings.load()
    settings.mongo.uri, settings.redis.host, settings.scheduler.worker_count, settings.api.jwt_secret, ...

Every variable is `<PREFIX><FIELD>` in capitals, its prefix standing on its group: `SCHEDULER_` and
`worker_count` make `SCHEDULER_WORKER_COUNT`. A variable that is set but empty counts as not set, as in
compose files. Lengths of time are Go durations ("90s", "1h30m"). Nothing here connects to anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Self, TypeVar, cast
from zoneinfo import available_timezones

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapters.http.guard import AddressGuard
from core.domain.duration import parse_duration
from core.errors import SchedulerError

DEFAULT_HOME = Path(".falcon")
"""Where data lives unless `SCHEDULER_HOME` says otherwise: in the working directory, so that a checkout holds
its own data and two checkouts never share it."""

_SHORTEST_SECRET_BYTES = 32  # Source: RFC 7518 section 3.2, a key at least as long as the SHA-256 output


class SettingsError(SchedulerError):
    """The environment is not fit to start with. Names each variable and what it may be, never what it was."""

    code = "settings"

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {allowed}" for name, allowed in sorted(faults.items())))
        self.faults = faults


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError("must be a duration such as 30s, 5m or 1h30m") from None


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing")
    return value


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("must be an IANA time zone such as UTC or Europe/Berlin")
    return value


def _api_prefix(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", value):
        raise ValueError("must be a path such as /api or /falcon/v1")
    return value.rstrip("/")


def _web_address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise ValueError("must be an address that starts with http:// or https://")
    return value.rstrip("/")


def _mongo_uri(value: str) -> str:
    if not value.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must start with mongodb:// or mongodb+srv://")
    return value


def _header_text(value: str) -> str:
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise ValueError("must be one line of plain ASCII text, as an HTTP header takes it")
    return value


def _signing_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value().encode()) < _SHORTEST_SECRET_BYTES:
        raise ValueError(f"must be at least {_SHORTEST_SECRET_BYTES} bytes long (RFC 7518, section 3.2)")
    return value


def _fernet_key(value: SecretStr) -> SecretStr:
    try:
        Fernet(value.get_secret_value())
    except ValueError:
        raise ValueError("must be a Fernet key: 32 bytes in URL-safe base64") from None
    return value


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _allow_rules(value: tuple[str, ...]) -> tuple[str, ...]:
    AddressGuard(value)  # raises ValueError and says which rule
    return value


def _proxy(value: SecretStr) -> SecretStr:
    _web_address(value.get_secret_value())
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        if not re.fullmatch(r"https?://[^\s/]+", origin):
            raise ValueError("must be origins such as https://ui.example.com, without a path")
    return value


def _plugins(value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        # Each run has a folder of its own, so what is relative would mean something else in each.
        by_path = name.endswith(".py")
        if not (Path(name).is_absolute() if by_path else all(map(str.isidentifier, name.split(".")))):
            raise ValueError(f"{name!r} is neither a module's name nor the absolute path of a .py file")
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class _Group(BaseSettings):
    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, extra="ignore")

    def gives(self, field: str) -> bool:
        """Whether the environment sets this field, rather than its default standing."""
        return field in self.model_fields_set


GroupT = TypeVar("GroupT", bound=_Group)


class MongoSettings(_Group):
    """Where tasks and executions are kept."""

    model_config = SettingsConfigDict(env_prefix="MONGODB_")

    uri: Annotated[str, AfterValidator(_mongo_uri), Field(repr=False)] = "mongodb://localhost:27017"
    """May hold a password, hence left out of every repr."""
    database: Annotated[str, Field(pattern=r'^[^/\\. "$*<>:|?]{1,63}$')] = "go_falcon"


class RedisSettings(_Group):
    """Where locks, leases and the ESI cache are kept."""

    model_config = SettingsConfigDict(env_prefix="REDIS_")

    host: str = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 6379
    password: SecretStr | None = None
    db: Annotated[int, Field(ge=0)] = 0


class SchedulerSettings(_Group):
    """How the scheduler runs and cleans up."""

    model_config = SettingsConfigDict(env_prefix="SCHEDULER_")

    worker_count: Annotated[int, Field(ge=1, le=1000)] = 10
    """Runs that one worker carries at once."""
    queue_size: Annotated[int, Field(ge=1)] = 1000
    """Runs that may wait before `execute` answers 503."""
    cleanup_interval: Duration = timedelta(hours=1)
    """How often the facade sweeps for what the event stream missed and for stale runs."""
    stale_timeout: Duration = timedelta(hours=2)
    """Age at which a run that still claims to run is taken for stale."""
    cancel_grace: Duration = timedelta(seconds=10)
    """Time that a cancelled run has to end by itself before it is killed."""
    shutdown_grace: Duration = timedelta(seconds=30)
    """Time that running work has to end when its worker is told to stop."""
    retention: Duration = timedelta(days=30)
    """Age past which finished executions, and the runs in Prefect behind them, are removed."""
    home: Path = DEFAULT_HOME
    """Data, logs and secrets of the local stack."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """IANA zone in which schedules are read when a task names none."""
    plugins: Annotated[Listed, AfterValidator(_plugins)] = ()
    """Modules or `.py` files whose functions and executors are registered, see docs/executors.md."""
    http_allow: Annotated[Listed, AfterValidator(_allow_rules)] = ()
    """Addresses that http tasks may call although they are not public: networks, addresses, names; `:port` may
    follow. See docs/executors.md."""
    http_proxy: Annotated[SecretStr, AfterValidator(_proxy)] | None = None
    """Proxy of http tasks that name none; may hold a password."""


class ApiSettings(_Group):
    """How the facade is reached and whom it believes. Its variables stand without a common prefix."""

    model_config = SettingsConfigDict(env_prefix="")

    jwt_secret: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = None
    """Signs and verifies HS256 tokens. Only the facade needs it; without it no token can be believed."""
    jwt_secret_previous: Annotated[SecretStr, AfterValidator(_signing_secret)] | None = None
    """The secret before the present one: still verifies, so that a change of secret logs nobody out."""
    jwt_jwks_issuer: str | None = None
    jwt_jwks_url: WebAddress | None = None
    """Key set of an identity provider whose RS256 and EdDSA tokens are believed too; needs the issuer."""
    jwt_jwks_audience: str | None = None
    """The `aud` that the provider's tokens must carry; it is not looked at when not given."""
    api_rate_limit: Annotated[float, Field(ge=0, le=100_000)] = 100
    """Requests per second that one caller may make of one facade, twice that for a moment; 0 lifts the limit."""
    api_trusted_origins: Annotated[Listed, AfterValidator(_origins)] = ()
    """Origins such as https://ui.example.com whose pages may call the API with the user's cookie."""
    api_prefix: Annotated[str, AfterValidator(_api_prefix)] = ""
    """Path in front of `/scheduler`: empty, or starting with a slash and not ending with one."""

    @field_validator("jwt_jwks_url")
    @classmethod
    def _has_issuer(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and not info.data.get("jwt_jwks_issuer"):
            raise ValueError("needs JWT_JWKS_ISSUER, without which anybody's tokens of that provider would count")
        return value


class PrefectSettings(_Group):
    """Where Prefect answers. All else of Prefect's is read by Prefect itself."""

    model_config = SettingsConfigDict(env_prefix="PREFECT_")

    api_url: WebAddress = "http://127.0.0.1:4200/api"


class EsiSettings(_Group):
    """EVE Swagger Interface: what the system tasks read from."""

    model_config = SettingsConfigDict(env_prefix="ESI_")

    base_url: WebAddress = "https://esi.evetech.net"
    user_agent: Annotated[str, AfterValidator(_header_text)] | None = None
    """`App/1.2.3 (mail@example.com; +https://repo)`; without it ESI tasks refuse to run.
    Source: ESI best practices."""
    compatibility_date: date = date(2025, 12, 16)
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 20.0
    """Pace towards ESI of all processes that share a Redis."""


class EveSettings(_Group):
    """EVE SSO, for the refresh of tokens."""

    model_config = SettingsConfigDict(env_prefix="EVE_")

    client_id: str | None = None
    client_secret: SecretStr | None = None
    sso_url: WebAddress = "https://login.eveonline.com"
    token_key: Annotated[SecretStr, AfterValidator(_fernet_key)] | None = None
    """Fernet key under which EVE tokens are kept in MongoDB."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every group, read once from the environment by `load`."""

    mongo: MongoSettings
    redis: RedisSettings
    scheduler: SchedulerSettings
    api: ApiSettings
    prefect: PrefectSettings
    esi: EsiSettings
    eve: EveSettings

    @classmethod
    def load(cls) -> Self:
        """Read the environment as it is now.

        Raises:
            SettingsError: some variables are not what they may be; all are named at once.
        """
        faults: dict[str, str] = {}
        read = _Reader(faults)
        groups = (
            read(MongoSettings),
            read(RedisSettings),
            read(SchedulerSettings),
            read(ApiSettings),
            read(PrefectSettings),
            read(EsiSettings),
            read(EveSettings),
        )
        if faults:
            raise SettingsError(faults)
        return cls(*groups)


class _Reader:
    """Reads one group after another and gathers what is wrong with each."""

    def __init__(self, faults: dict[str, str]) -> None:
        self._faults = faults

    def __call__(self, group: type[GroupT]) -> GroupT:
        try:
            return group()
        except ValidationError as error:
            prefix = group.model_config.get("env_prefix", "")
            for fault in error.errors(include_input=False, include_url=False):
                name = f"{prefix}{fault['loc'][0]}".upper()
                self._faults[name] = fault["msg"].removeprefix("Value error, ")
            return cast(GroupT, group.model_construct())
