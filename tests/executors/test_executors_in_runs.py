"""The executors in real runs: created through the services, run by a real worker, seen in the history."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager

import pytest
from prefect.blocks.system import Secret
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from falcon_scheduler.adapters.prefect.secrets import PrefectSecrets
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.errors import Invalid, Unavailable
from falcon_scheduler.core.ports import SecretMissing
from tests.conftest import Scheduler
from tests.executors.web_server import WebServer

pytestmark = pytest.mark.slow


def prefect_at(api_url: str) -> AbstractContextManager[object]:
    """Prefect read its settings when this process began, before there was a server."""
    return temporary_settings({PREFECT_API_URL: api_url, PREFECT_CLIENT_MAX_RETRIES: 0})


async def test_an_http_task_runs_with_a_secret_block_and_its_history_shows_all_but_the_secret(
    scheduler: Scheduler, worker: None, web: WebServer, settings: Settings
) -> None:
    name, secret = f"token-{uuid.uuid4().hex[:8]}", f"pl4nted-{uuid.uuid4().hex}"
    with prefect_at(settings.prefect.api_url):
        await Secret(value=secret).save(name)
    config = {
        "url": web.url("/echo"),
        "auth": {"type": "bearer", "secret_block": name},
        "assertions": [{"type": "json_path", "path": "$.method", "equals": "GET"}],
    }
    task = await scheduler.task("http", config=config)
    execution = await scheduler.run(task, query={"from": "the run"})
    assert execution.status is ExecutionStatus.COMPLETED, execution.error
    assert web.seen[0].headers["authorization"] == f"Bearer {secret}"
    assert web.seen[0].headers["x-scheduler-execution-id"] == execution.id
    assert web.seen[0].query == {"from": "the run"}
    assert execution.detail["status_code"] == 200
    assert execution.detail["response_size"] > 0
    assert "response_time" in execution.detail
    assert secret not in repr(execution)
    assert "[concealed]" in execution.output


async def test_a_refused_address_fails_at_once_without_another_attempt(scheduler: Scheduler, worker: None) -> None:
    task = await scheduler.task("http", config={"url": "http://169.254.169.254/latest/meta-data"})
    execution = await scheduler.run(task)
    assert execution.status is ExecutionStatus.FAILED
    assert "is not a public address" in execution.error
    assert execution.retry_count == 0


async def test_a_wrong_config_never_becomes_a_task(scheduler: Scheduler) -> None:
    with pytest.raises(Invalid) as caught:
        await scheduler.task("http", config={"url": "nonsense", "timeout": "soon"})
    assert {fault.location for fault in caught.value.faults} == {"config.url", "config.timeout"}


async def test_secret_blocks_are_read_from_prefect(settings: Settings) -> None:
    reader = PrefectSecrets()
    name = f"digits-{uuid.uuid4().hex[:8]}"
    with prefect_at(settings.prefect.api_url):
        await Secret(value="0123").save(name)
        assert await reader.read(name) == "0123"
        await Secret(value={"not": "text"}).save(name, overwrite=True)
        with pytest.raises(SecretMissing):
            await reader.read(name)
        with pytest.raises(SecretMissing):
            await reader.read("no-such-block")


async def test_secrets_are_unavailable_while_prefect_is_away() -> None:
    with prefect_at("http://127.0.0.1:1/api"), pytest.raises(Unavailable):
        await PrefectSecrets().read("any")
