"""`prefect deploy` and the deployments of prefect.yaml."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import PrefectClient
from prefect.utilities.callables import parameter_schema

from falcon_scheduler.adapters.prefect.deployment_body import fingerprint_of
from falcon_scheduler.adapters.prefect.names import ENTRYPOINTS, FLOWS, PARAMETER_SCHEMA
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.deployments.prefect_yaml import render
from falcon_scheduler.flows import entrypoints
from falcon_scheduler.flows.catalog import Catalog
from falcon_scheduler.flows.executors.registry import Registry
from tests.conftest import Scheduler
from tests.mirror.deployments import deployment_of
from tests.system_tasks import SYSTEM_TASKS

ROOT = Path(__file__).parents[2]


def test_prefect_yaml_is_what_the_definitions_make_of_it() -> None:
    assert (ROOT / "prefect.yaml").read_text() == render()


def test_the_parameters_of_our_flows_are_those_that_deployments_declare() -> None:
    for name in FLOWS.values():
        flow = getattr(entrypoints, ENTRYPOINTS[name].rpartition(".")[2])
        assert flow.name == name
        derived = parameter_schema(flow.fn).model_dump_for_openapi()
        assert {key: value for key, value in derived.items() if key != "definitions"} == PARAMETER_SCHEMA


@pytest.mark.slow
async def test_prefect_deploy_creates_the_same_deployments_as_the_facade(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    await scheduler.services.reconcile.reload()
    ours = {task_id: await deployment_of(client, task_id) for task_id in SYSTEM_TASKS}
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=dict(os.environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    volatile = {"id", "created", "updated", "version_id", "version_info", "created_by", "updated_by", "status"}
    volatile.add("version")  # grows with every switch of the task, and other tests switch system tasks
    for task_id, before in ours.items():
        after = await deployment_of(client, task_id)
        assert after["id"] == before["id"]
        assert fingerprint_of(after) == fingerprint_of(before)
        for schedules in (before["schedules"], after["schedules"]):
            for schedule in schedules:
                for field in ("id", "created", "updated"):
                    schedule.pop(field)
        differing = {key for key in after if key not in volatile and after[key] != before[key]}
        assert differing <= {"last_polled", "global_concurrency_limit", "concurrency_limit_id", "labels"}
    made = {task_id: (await deployment_of(client, task_id))["schedules"] for task_id in SYSTEM_TASKS}
    await scheduler.services.reconcile.reload()
    for task_id, schedules in made.items():
        assert (await deployment_of(client, task_id))["schedules"] == schedules, "it was deployed again"


def test_prefect_yaml_names_every_system_task() -> None:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert {entry["name"] for entry in document["deployments"]} == set(SYSTEM_TASKS)


def test_every_system_task_has_parameters_that_its_definition_fits(settings: Settings) -> None:
    catalog = Catalog(Registry.load(settings), settings.system_tasks.tasks)
    faults = {task_id: catalog.faults(each.type, each.config) for task_id, each in SYSTEM_TASKS.items()}
    assert not any(faults.values()), faults
