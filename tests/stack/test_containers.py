"""The compose file is the same product as `falcon-scheduler up`: the same settings, nothing open."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from adapters.settings import SchedulerSettings
from deployments.stack.prefect_settings import log_settings, server_settings, worker_settings

COMPOSE = Path(__file__).parents[2] / "deployments" / "containers" / "compose.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def test_its_prefect_server_and_worker_have_the_settings_of_the_local_stack(
    services: dict[str, dict[str, dict[str, str]]],
) -> None:
    defaults = SchedulerSettings.model_construct()
    assert server_settings(defaults).items() <= services["prefect"]["environment"].items()
    assert (worker_settings() | log_settings()).items() <= services["worker"]["environment"].items()


def test_it_publishes_nothing_beyond_loopback(services: dict[str, dict[str, list[str]]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_it_holds_no_password(services: dict[str, dict[str, dict[str, str]]]) -> None:
    secrets = [
        value
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if name.endswith(("PASSWORD", "SECRET", "AUTH", "AUTH_STRING", "KEY"))
    ]
    assert secrets
    assert all(value.startswith("${") for value in secrets)
