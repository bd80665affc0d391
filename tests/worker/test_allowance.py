"""Job variables are data: none of them decides which code a run executes, unless the worker's owner says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.actions import WorkPoolUpdate

from falcon_scheduler.adapters.prefect.client import ensure_foundation
from falcon_scheduler.adapters.prefect.names import POOL
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.flows.worker import WarmProcessWorker
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration
from falcon_scheduler.flows.worker.job_variable_policy import NotAllowed, check
from tests.conftest import Scheduler
from tests.worker.conftest import Pool, StartWorker, WorkerProcess, make_pool

pytestmark = pytest.mark.slow

CODE_OR_TRUST = (
    *(
        "LD_LIBRARY_PATH",
        "PYTHONPATH",
        "PATH",
        "HOME",
        "GIT_SSH_COMMAND",
        "PIP_INDEX_URL",
        "HTTP_PROXY",
        "SSL_CERT_FILE",
    ),
    *("PREFECT_HOME", "PREFECT_API_AUTH_STRING", "PREFECT_LOGGING_SETTINGS_PATH", "PREFECT__FLOW_RUN_ID"),
    *("PREFECT_LOGGING_FORMATTERS_JSON_CLASS", "MONGODB_URI", "SCHEDULER_ALLOW_COMMAND", "ld_preload"),
)
COMMAND = f"{sys.executable} -m prefect.engine"


@pytest.mark.parametrize(
    ("job_variables", "named"),
    [
        ({"command": COMMAND}, "'command'"),
        ({"env": {"LD_PRELOAD": "/nowhere/evil.so", "COLOUR": "amber"}}, "LD_PRELOAD."),
        ({"env.PYTHONSTARTUP": "/nowhere/evil.py"}, "PYTHONSTARTUP"),
        ({"env": {"PREFECT_API_URL": "http://127.0.0.1:9/api"}}, "PREFECT_API_URL"),
        ({"env": {"SCHEDULER_PLUGINS": "/nowhere/evil.py", "https_proxy": "x"}}, "SCHEDULER_PLUGINS, https_proxy"),
    ],
)
async def test_a_deployments_job_variables_that_amount_to_code_fail_its_run_and_say_so(
    pool: Pool, warm_worker: WorkerProcess, job_variables: dict[str, Any], named: str
) -> None:
    run = await pool.run_deployment(await pool.deploy("greet", job_variables=job_variables))
    state = await pool.ended(run)
    assert state.is_failed()
    assert named in str(state.message)
    assert "SCHEDULER_ALLOW_COMMAND" in str(state.message)
    await pool.logs(run, "This worker refuses the run")


@pytest.mark.parametrize("job_variables", [{"command": COMMAND}, {"working_dir": "/"}, {"env": {"PATH": "/evil"}}])
async def test_what_is_given_with_one_run_decides_no_code_either(
    pool: Pool, warm_worker: WorkerProcess, job_variables: dict[str, Any]
) -> None:
    run = await pool.client.create_flow_run_from_deployment(await pool.deploy("greet"), job_variables=job_variables)
    state = await pool.ended(run.id)
    assert state.is_failed()
    assert next(iter(job_variables)) in str(state.message)


def test_variables_of_the_flows_own_pass_whatever_they_resemble() -> None:
    own = ("API_TOKEN", "GITHUB_TOKEN", "LDAP_URL", "NODES", "PIPELINE", "UVICORN_PORT", "JAVA_VERSION", "MY_PATH")
    of_prefect = ("PREFECT_LOGGING_LEVEL", "PREFECT_LOGGING_EXTRA_LOGGERS", "PREFECT_TASKS_DEFAULT_RETRIES")
    configuration = WarmJobConfiguration(env=dict.fromkeys((*own, *of_prefect), "1"))
    check(configuration, {}, allow_command=False)


@pytest.mark.parametrize("name", CODE_OR_TRUST)
def test_each_variable_that_decides_code_or_trust_is_refused_unless_it_is_allowed(name: str) -> None:
    configuration = WarmJobConfiguration(env={name: "x"})
    with pytest.raises(NotAllowed, match=name):
        check(configuration, {}, allow_command=False)
    check(configuration, {}, allow_command=True)


async def test_a_command_runs_where_it_is_allowed_though_the_pool_does_not_offer_it(
    pool: Pool, start_worker: StartWorker
) -> None:
    allowing = await make_pool(pool.client)
    template = WarmProcessWorker.get_default_base_job_template()
    assert "command" not in template["job_configuration"]
    await pool.client.update_work_pool(allowing.name, WorkPoolUpdate(base_job_template=template))
    await start_worker(allowing, SCHEDULER_ALLOW_COMMAND="true").started()
    run = await allowing.run_deployment(
        await allowing.deploy("greet", job_variables={"command": COMMAND}), name="command"
    )
    assert (await allowing.ended(run)).is_completed()
    await allowing.logs(run, "hello command")


async def test_the_command_that_a_pool_of_an_earlier_version_offers_is_withdrawn(
    pool: Pool, services: Services
) -> None:
    client, ours = pool.client, WarmProcessWorker.get_default_base_job_template()
    earlier = super(WarmProcessWorker, WarmProcessWorker).get_default_base_job_template()
    earlier["variables"]["properties"]["memory_limit_mb"]["default"] = 512
    await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=earlier))
    await ensure_foundation(client, ours)
    template = (await client.read_work_pool(POOL)).base_job_template
    assert "command" not in template["job_configuration"]
    assert "command" not in template["variables"]["properties"]
    assert template["variables"]["properties"]["memory_limit_mb"]["default"] == 512, "the owner's choice"
    await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=ours))


async def test_a_run_finds_no_key_of_the_facade_and_its_worker_needs_none(
    pool: Pool, start_worker: StartWorker, tmp_path: Path
) -> None:
    keys = {
        "JWT_SECRET": "pl4nted-secret-of-thirty-two-bytes!!",
        "METRICS_TOKEN": "pl4nted-metrics-token",
        "ALERT_WEBHOOKS": "https://hooks.invalid/pl4nted",  # not without ALERT_WEBHOOK_SECRET, in a facade
        "PREFECT_SERVER_API_AUTH_STRING": "pl4nted:password",
    }
    own = await make_pool(pool.client)
    await start_worker(own, OWN_TOKEN="the flow's own", **keys).started()
    note = tmp_path / "environment"
    run = await own.run("note_environment", note=str(note))
    assert (await own.ended(run)).is_completed()
    found = note.read_text()
    assert "the flow's own" in found
    assert "pl4nted" not in found
    assert os.environ["PREFECT_API_AUTH_STRING"] in found, "Prefect asks each run for it"


async def test_a_task_that_is_run_with_a_command_fails_in_its_history_with_the_reason(
    scheduler: Scheduler, worker: None, pool: Pool
) -> None:
    task = await scheduler.task()
    run = await pool.client.create_flow_run_from_deployment(
        UUID(str(task.deployment_id)), job_variables={"command": "touch was-here"}
    )
    execution = await scheduler.ended(str(run.id))
    assert execution.status is ExecutionStatus.FAILED
    assert "SCHEDULER_ALLOW_COMMAND" in execution.error
    assert (await scheduler.run(task)).status is ExecutionStatus.COMPLETED, "nothing is left of it, its lock included"
