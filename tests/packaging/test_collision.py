"""The wheel in an environment of its own, started in a project whose folders have the names of our rooms."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.running_stack import Up, clean_environment, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
ROOMS = ("core", "adapters", "api_facade", "deployments", "flows", "eve")
THEIR_FLOW = """
from prefect import flow

import core


@flow
def my_flow(task_id: str = "") -> str:
    return core.OWNER
"""


@dataclass(frozen=True)
class Installed:
    """The wheel, and nothing else of ours, in an environment that borrows everybody else's packages from this one."""

    environment: Path

    def program(self, name: str) -> Path:
        return self.environment / "bin" / name


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A short path: pytest's own folders are too deep for some systems' sockets."""
    folder = Path(tempfile.mkdtemp(prefix="falcon-wheel-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def installed(place: Path) -> Installed:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={place}", ROOT], check=True)
    (wheel,) = place.glob("*.whl")
    environment = place / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    # A line of a .pth file adds a folder without reading the .pth files in it: the editable install stays outside.
    borrowed = Path(sysconfig.get_path("purelib"))
    own = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (own / "borrowed.pth").write_text(f"{borrowed}\n")
    for program, module in {"prefect": "prefect.cli:app", "secantusd-py": _entry_point("secantusd-py")}.items():
        _write_program(environment / "bin" / program, python, module)
    return Installed(environment)


def _entry_point(program: str) -> str:
    (found,) = entry_points(group="console_scripts", name=program)
    return found.value


def _write_program(file: Path, python: Path, entry_point: str) -> None:
    """As pip writes it for a distribution that it installs."""
    module, _, function = entry_point.partition(":")
    file.write_text(f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    file.chmod(0o755)


@pytest.fixture(scope="module")
def project(place: Path) -> Path:
    """A user's project with packages of its own under the names of our rooms."""
    folder = place / "project"
    for room in ROOMS:
        (folder / room).mkdir(parents=True)
        (folder / room / "__init__.py").write_text("OWNER = 'the project'\n")
    (folder / "flows" / "my_flow.py").write_text(THEIR_FLOW)
    return folder


@pytest.fixture(scope="module")
def up(place: Path, installed: Installed, project: Path) -> Iterator[Up]:
    running = Up(place / "home", installed.program("falcon-scheduler"), project)
    try:
        running.start()
        yield running
    finally:
        running.close()


def ended_run(prefect: httpx.Client, run_id: str) -> dict[str, Any]:
    def ended() -> bool:
        state = prefect.get(f"/flow_runs/{run_id}").json()["state"]
        return bool(state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})

    wait_until(ended, f"flow run {run_id} has ended")
    run: dict[str, Any] = prefect.get(f"/flow_runs/{run_id}").json()
    return run


def task_of(client: httpx.Client, name: str) -> str:
    """A new task that calls a function that comes with the product, and never fires by itself."""
    answer = client.post(
        "/tasks",
        json={
            "name": name,
            "type": "function",
            "schedule": "0 0 0 29 2 ?",
            "config": {"function_name": "echo", "module": "builtin", "parameters": {"said": name}},
        },
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def deployment_of(prefect: httpx.Client, name: str) -> dict[str, Any]:
    (found,) = prefect.post("/deployments/filter", json={"deployments": {"name": {"any_": [name]}}}).json()
    deployment: dict[str, Any] = found
    return deployment


def test_the_wheel_is_what_is_imported_in_the_project(installed: Installed, project: Path) -> None:
    script = "import core, falcon_scheduler.flows.entrypoints as ours; print(ours.__file__, core.OWNER)"
    done = subprocess.run(
        [installed.program("python"), "-c", script],
        cwd=project,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    file, _, owner = done.stdout.strip().partition(" ")
    assert Path(file).is_relative_to(installed.environment)
    assert owner == "the project"


def test_a_task_of_ours_runs_in_the_project_to_its_end(up: Up) -> None:
    with up.client() as client:
        task = task_of(client, "Ours beside theirs")
        execution = client.post(f"/tasks/{task}/execute").json()["execution_id"]
        wait_until(
            lambda: client.get(f"/executions/{execution}").json()["status"] in {"completed", "failed"}, "it has ended"
        )
        ended = client.get(f"/executions/{execution}").json()
    assert ended["status"] == "completed", ended
    assert ended["worker_id"]


def test_a_flow_of_the_project_that_imports_its_own_core_runs_on_the_same_worker(
    up: Up, installed: Installed, project: Path
) -> None:
    home, prefect = up.home, installed.program("prefect")
    deploy = f'eval "$({installed.program("falcon-scheduler")} env --home {home})" && {prefect} --no-prompt deploy'
    shell = subprocess.run(
        ["bash", "-c", f"{deploy} flows/my_flow.py:my_flow --name theirs --pool falcon --work-queue normal"],
        cwd=project,
        env={**clean_environment(), "PATH": f"{installed.environment / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    with up.prefect() as client:
        deployment = deployment_of(client, "theirs")
        run = client.post(f"/deployments/{deployment['id']}/create_flow_run", json={}).json()
        ended = ended_run(client, run["id"])
    assert ended["state"]["type"] == "COMPLETED", ended["state"]


def test_a_deployment_of_an_earlier_version_runs_and_a_reload_brings_its_entrypoint_up_to_date(
    up: Up,
) -> None:
    former = "flows.entrypoints.function_task"
    with up.client() as client, up.prefect() as prefect:
        task = task_of(client, "Deployed by 0.1.0")
        wait_until(lambda: prefect.post("/deployments/count", json=named(task)).json() == 1, "it is deployed")
        deployment = deployment_of(prefect, task)
        prefect.patch(f"/deployments/{deployment['id']}", json={"entrypoint": former}).raise_for_status()
        run = prefect.post(f"/deployments/{deployment['id']}/create_flow_run", json={}).json()
        ended = ended_run(prefect, run["id"])
        assert ended["state"]["type"] == "COMPLETED", ended["state"]
        prefect.patch(f"/deployments/{deployment['id']}", json={"entrypoint": former}).raise_for_status()
        assert client.post("/reload").status_code == 200
        deadline = time.monotonic() + 90
        while (now := deployment_of(prefect, task)["entrypoint"]) == former and time.monotonic() < deadline:
            time.sleep(0.5)
    assert now == f"falcon_scheduler.{former}"


def named(deployment: str) -> dict[str, Any]:
    return {"deployments": {"name": {"any_": [deployment]}}}
