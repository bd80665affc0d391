"""The allowed values of the environment, and the errors for others."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from falcon_scheduler.adapters.settings import Settings, SettingsError
from falcon_scheduler.adapters.settings.names import known_names, unknown_names
from falcon_scheduler.adapters.settings.shown import shown_settings
from falcon_scheduler.core.domain.known_setting import SettingSource
from falcon_scheduler.flows.forkserver.preload import EXTRA_MODULES_VARIABLE

NAMES = re.compile(r"^(MONGODB|REDIS|PREFECT|JWT|SCHEDULER|API|METRICS|EVE|ESI)")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if NAMES.match(name):
            monkeypatch.delenv(name)


def test_without_any_variable_the_documented_defaults_stand() -> None:
    settings = Settings.load()
    assert settings.mongo.uri == "mongodb://localhost:27017"
    assert settings.mongo.database == "go_falcon"
    assert (settings.redis.host, settings.redis.port, settings.redis.db) == ("localhost", 6379, 0)
    assert (settings.scheduler.worker_count, settings.scheduler.queue_size) == (10, 1000)
    assert settings.scheduler.cleanup_interval == timedelta(hours=1)
    assert settings.scheduler.stale_timeout == timedelta(hours=2)
    assert settings.scheduler.timezone == "UTC"


def test_durations_are_written_as_go_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_STALE_TIMEOUT", "1h30m")
    assert Settings.load().scheduler.stale_timeout == timedelta(minutes=90)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "")
    monkeypatch.setenv("MONGODB_URI", "")
    settings = Settings.load()
    assert settings.redis.password is None
    assert not settings.mongo.gives("uri")


@pytest.mark.parametrize(
    ("uri", "variable", "database"),
    [
        ("mongodb://user:p%40ss@one,two/falcon?replicaSet=rs0", None, "falcon"),
        ("mongodb+srv://cluster.example.com/fal%63on", None, "falcon"),
        ("mongodb://mongo:27017/falcon", "other", "other"),
        ("mongodb://mongo:27017/?authSource=admin", None, "go_falcon"),
        ("mongodb://mongo:27017", None, "go_falcon"),
    ],
)
def test_the_database_is_the_one_of_the_variable_or_else_of_the_uri(
    monkeypatch: pytest.MonkeyPatch, uri: str, variable: str | None, database: str
) -> None:
    monkeypatch.setenv("MONGODB_URI", uri)
    if variable:
        monkeypatch.setenv("MONGODB_DATABASE", variable)
    assert Settings.load().mongo.database == database


def test_a_redis_url_gives_every_part_that_has_no_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "rediss://falcon:p%40ss@cache.example.com:6380/3")
    monkeypatch.setenv("REDIS_DB", "5")
    redis = Settings.load().redis
    assert (redis.host, redis.port, redis.db) == ("cache.example.com", 6380, 5)
    assert (redis.username, redis.tls) == ("falcon", True)
    assert redis.password is not None
    assert redis.password.get_secret_value() == "p@ss"
    assert redis.gives("host"), "the local stack brings no Redis of its own then"
    assert "p@ss" not in repr(redis)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "http://:hunter2@cache"),
        ("REDIS_URL", "redis://:hunter2@cache:99999/0"),
        ("REDIS_URL", "redis://:hunter2@cache:port/0"),
        ("REDIS_URL", "redis://:hunter2@cache/first"),
        ("SCHEDULER_WORKER_COUNT", "many"),
        ("SCHEDULER_WORKER_COUNT", "0"),
        ("SCHEDULER_QUEUE_SIZE", "-1"),
        ("SCHEDULER_CLEANUP_INTERVAL", "hourly"),
        ("SCHEDULER_CLEANUP_INTERVAL", "0s"),
        ("SCHEDULER_TIMEZONE", "Mars/Olympus"),
        ("REDIS_PORT", "99999"),
        ("MONGODB_URI", "http://user:hunter2@mongo"),
        ("JWT_SECRET", "hunter2"),
        ("EVE_TOKEN_KEY", "hunter2"),
        ("METRICS_TOKEN", "hunter2hunter2!"),
        ("API_TRUSTED_PROXIES", "10.0.0.1, hunter2"),
        ("API_TRUSTED_PROXIES", "*"),
        ("API_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("API_PREFIX", "no slash"),
        ("API_TRUSTED_HOSTS", "https://scheduler.example.com"),
        ("API_TRUSTED_HOSTS", "scheduler.example.com:8000"),
        ("SCHEDULER_ALLOW_COMMAND", "perhaps"),
        ("ESI_USER_AGENT", "two\nlines"),
        ("ESI_COMPATIBILITY_DATE", "yesterday"),
        ("PREFECT_API_URL", "localhost:4200"),
    ],
)
def test_a_bad_value_is_reported_by_its_name_and_never_by_itself(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as told:
        Settings.load()
    assert str(told.value).startswith(f"{name}: ")
    assert "hunter2" not in str(told.value)


def test_all_bad_values_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PORT", "x")
    monkeypatch.setenv("SCHEDULER_QUEUE_SIZE", "x")
    with pytest.raises(SettingsError) as told:
        Settings.load()
    assert set(told.value.faults) == {"REDIS_PORT", "SCHEDULER_QUEUE_SIZE"}


def test_a_worker_does_not_ask_for_what_only_a_facade_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_WEBHOOKS", "https://hooks.example.com")  # not without a secret, in a facade
    monkeypatch.setenv("JWT_SECRET", "short")
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    assert set(refused.value.faults) == {"ALERT_WEBHOOKS", "JWT_SECRET"}
    assert Settings.load_for_work().alerts.webhooks == ()
    monkeypatch.setenv("SCHEDULER_WORKER_COUNT", "many")
    with pytest.raises(SettingsError) as refused:
        Settings.load_for_work()
    assert set(refused.value.faults) == {"SCHEDULER_WORKER_COUNT"}


def test_no_secret_shows_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:hunter2@mongo")
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2")
    monkeypatch.setenv("JWT_SECRET", "hunter2" * 10)
    monkeypatch.setenv("EVE_CLIENT_SECRET", "hunter2")
    assert "hunter2" not in repr(Settings.load())


def test_what_administrators_are_shown_has_names_values_and_sources_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted = {
        "MONGODB_URI": "mongodb://user:hunt%40er2@one:27017,two/falcon?authMechanismProperties=TOKEN:hunter2",
        "REDIS_URL": "rediss://falcon:hunter2@cache.example.com:6380/3",
        "JWT_SECRET": "hunter2" * 10,
        "JWT_JWKS_ISSUER": "https://login.example.com",
        "JWT_JWKS_URL": "https://keys:hunter2@login.example.com/keys?api_key=hunter2",
        "METRICS_TOKEN": "hunter2-hunter2-hunter2",
        "ALERT_WEBHOOK_SECRET": "hunter2-of-twenty-four-bytes-or-more",
        "ALERT_WEBHOOKS": "ops=https://hooks.example.com/hunter2, https://other.example.com/hunter2",
        "ALERT_APPRISE": "mailto://user:hunter2@example.com",
        "SCHEDULER_HTTP_PROXY": "http://proxy:hunter2@proxy.example.com:3128",
        "PREFECT_API_URL": "https://user:hunter2@prefect.example.com/api",
        "EVE_CLIENT_SECRET": "hunter2",
        "SCHEDULER_STALE_TIMEOUT": "90m",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    shown = {each.name: each for each in shown_settings(Settings.load())}
    assert "hunter2" not in str(shown)
    assert "er2" not in str(shown)
    assert {name.upper() for name in known_names()} - {EXTRA_MODULES_VARIABLE} == set(shown)
    environment, derived, default = SettingSource.ENVIRONMENT, SettingSource.DERIVED, SettingSource.DEFAULT
    for name, wanted, source in (
        ("MONGODB_URI", "mongodb://one:27017,two/falcon", environment),
        ("MONGODB_DATABASE", "falcon", derived),
        ("REDIS_HOST", "cache.example.com", derived),
        ("REDIS_PASSWORD", "[concealed]", derived),
        ("JWT_JWKS_URL", "https://login.example.com/keys", environment),
        ("JWT_SECRET_PREVIOUS", None, default),
        ("ALERT_WEBHOOKS", ["[concealed]", "[concealed]"], environment),
        ("PREFECT_API_URL", "https://prefect.example.com/api", environment),
        ("SCHEDULER_STALE_TIMEOUT", "1h30m0s", environment),
        ("SCHEDULER_QUEUE_SIZE", 1000, default),
        ("API_TRUSTED_HOSTS", [], default),
    ):
        assert (shown[name].value, shown[name].source) == (wanted, source), name


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("SCHEDULER_WORKERCOUNT", "SCHEDULER_WORKER_COUNT"),
        ("SCHEDULER_WORKERS_COUNT", "SCHEDULER_WORKER_COUNT"),
        ("scheduler_queue_sise", "SCHEDULER_QUEUE_SIZE"),
        ("SCHEDULER_JWT_SECRET", "JWT_SECRET"),
        ("SCHEDULER_METRICS_TOKEN", "METRICS_TOKEN"),
        ("ALERT_WEBHOOK", "ALERT_WEBHOOKS"),
        ("API_RATELIMIT", "API_RATE_LIMIT"),
        ("ESI_USERAGENT", "ESI_USER_AGENT"),
        ("EVE_CLIENTID", "EVE_CLIENT_ID"),
        ("JWT_SECRETS", "JWT_SECRET"),
        ("METRICS_TOKENS", "METRICS_TOKEN"),
        ("MONGODB_URL", "MONGODB_URI"),
        ("REDIS_PASWORD", "REDIS_PASSWORD"),
    ],
)
def test_a_misspelt_name_is_reported_with_the_right_one_and_without_its_value(name: str, right: str) -> None:
    (sentence,) = unknown_names({name: "hunter2", "PATH": "/bin"})
    assert sentence.startswith(f"{name} ")
    assert f"did you mean {right}?" in sentence
    assert "hunter2" not in sentence


def test_a_name_of_ours_that_resembles_nothing_is_reported_too() -> None:
    (sentence,) = unknown_names({"SCHEDULER_XYZZY": "1"})
    assert sentence.startswith("SCHEDULER_XYZZY is not a setting")


def test_names_that_are_read_or_are_somebody_elses_are_not_reported() -> None:
    assert EXTRA_MODULES_VARIABLE in known_names()
    others = {
        "REDIS_URL_FOR_CACHE": "x",
        "API_KEY": "x",
        "JWT_EXPIRY": "x",
        "SCHEDULER_SERVICE_HOST": "10.0.0.1",
        "SCHEDULER_SERVICE_PORT_HTTP": "80",
        "SCHEDULER_PORT": "tcp://10.0.0.1:80",
        "SCHEDULER_PORT_80_TCP_ADDR": "10.0.0.1",
        "SCHEDULER_NOT_SET": "",
    }
    assert list(unknown_names(dict.fromkeys(known_names(), "x") | others)) == []
