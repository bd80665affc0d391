"""The compose file is the same product as `falcon-scheduler up`: same settings, nothing open, no secret too many."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from falcon_scheduler.adapters.settings import SchedulerSettings
from falcon_scheduler.adapters.settings.names import known_names
from falcon_scheduler.deployments.stack.prefect_settings import (
    log_settings,
    server_settings,
    shared_settings,
    worker_settings,
)

CONTAINERS = Path(__file__).parents[2] / "deployments" / "containers"
COMPOSE = CONTAINERS / "compose.yaml"
SET_BY_THE_IMAGE = {"SCHEDULER_HOME"}
DEFAULTS_OF_THE_COMPOSED_SERVERS = {"REDIS_PORT", "REDIS_DB", "REDIS_URL", "REDIS_USERNAME", "REDIS_TLS"}
FACADE_ONLY = ("ALERT_", "API_", "JWT_", "METRICS_")
WORKER_ONLY = ("ESI_", "EVE_", "SCHEDULER_PRELOAD")
OUR_IMAGE = ("prefect", "facade", "worker")

Environments = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


@pytest.fixture(scope="module")
def environments(services: dict[str, dict[str, dict[str, str]]]) -> Environments:
    return {name: service.get("environment", {}) for name, service in services.items()}


def test_its_prefect_server_and_worker_have_the_settings_of_the_local_stack(environments: Environments) -> None:
    defaults = SchedulerSettings.model_construct()
    assert server_settings(defaults).items() <= environments["prefect"].items()
    assert (worker_settings() | log_settings()).items() <= environments["worker"].items()
    for name in OUR_IMAGE:
        assert shared_settings().items() <= environments[name].items()


def test_every_setting_reaches_the_processes_that_read_it_and_no_others(environments: Environments) -> None:
    passed = known_names() - SET_BY_THE_IMAGE - DEFAULTS_OF_THE_COMPOSED_SERVERS
    facade_only = {name for name in passed if name.startswith(FACADE_ONLY)}
    worker_only = {name for name in passed if name.startswith(WORKER_ONLY)}
    assert environments["facade"].keys() & known_names() == passed - worker_only
    assert environments["worker"].keys() & known_names() == passed - facade_only
    for name, environment in environments.items():
        if name not in ("facade", "worker"):
            assert not environment.keys() & known_names()


def test_what_env_leaves_out_keeps_the_default_of_the_product(environments: Environments) -> None:
    for environment in (environments["facade"], environments["worker"]):
        given = {name: value for name, value in environment.items() if f"${{{name}" in value}
        assert all(value in (f"${{{name}:-}}", f"${{{name}:?}}") for name, value in given.items())


def test_the_example_of_env_names_all_that_must_be_given_and_nothing_unknown() -> None:
    asked = dict(re.findall(r"\$\{(\w+):([?-])", COMPOSE.read_text()))
    named = set(re.findall(r"^(\w+)=", (CONTAINERS / ".env.example").read_text(), re.MULTILINE))
    assert {name for name, mark in asked.items() if mark == "?"} <= named <= asked.keys()


def test_it_publishes_nothing_beyond_loopback(services: dict[str, dict[str, list[str]]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_it_holds_no_password(environments: Environments) -> None:
    secrets = [
        value
        for environment in environments.values()
        for name, value in environment.items()
        if name.endswith(("PASSWORD", "SECRET", "AUTH", "AUTH_STRING", "KEY", "TOKEN", "WEBHOOKS", "APPRISE"))
    ]
    assert secrets
    assert all(value.startswith("${") for value in secrets)
