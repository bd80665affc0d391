"""`falcon-scheduler up`, from its first start to its second: one running stack, looked at from outside.

The tests of this file run in the order in which they stand; the last ones stop the stack and start it again.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psutil
import pymongo
import pymongo.errors
import pytest
import redis

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.deployments.stack.foreground import chosen_parts
from falcon_scheduler.deployments.stack.home import free_port
from tests.stack.running_stack import (
    FACADE_KEYS,
    PROGRAM,
    Up,
    clean_environment,
    falcon,
    into_a_closed_pipe,
    wait_until,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TASK: dict[str, Any] = {
    "name": "Kept over a restart",
    "type": "http",
    "schedule": "0 0 4 1 1 *",
    "config": {"url": "http://127.0.0.1:9/", "method": "GET"},
}


def test_the_printed_token_opens_the_api_and_nothing_else_does(up: Up) -> None:
    assert f"{up.api_url}/tasks" in up.output
    with up.client() as client:
        assert client.get("/tasks").status_code == 200
    assert httpx.get(f"{up.api_url}/tasks").status_code == 401
    assert httpx.get(f"{up.api_url}/status").status_code == 200


def test_every_printed_page_is_there(up: Up) -> None:
    for url in (f"{up.api_url}/docs", f"http://127.0.0.1:{up.prefect_port}/"):
        assert url.rstrip("/") in up.output
        assert httpx.get(url, follow_redirects=True).status_code == 200


def test_the_token_command_makes_tokens_that_the_api_believes(up: Up) -> None:
    token = falcon("token", "--super-admin", "--home", str(up.home)).stdout.strip()
    with up.client(token) as client:
        assert client.post("/reload").status_code == 200
    plain = falcon("token", "--home", str(up.home)).stdout.strip()
    with up.client(plain) as client:
        assert client.get("/tasks").status_code == 200
        assert client.post("/reload").status_code == 403


@pytest.mark.parametrize("command", ["status", "env", "token"])
def test_a_reader_that_is_gone_is_no_error_to_be_traced(up: Up, command: str) -> None:
    assert into_a_closed_pipe(command, "--home", str(up.home)) == ""


def test_a_second_stack_on_the_same_home_is_refused(up: Up) -> None:
    second = falcon("up", "--home", str(up.home))
    assert second.returncode == 1
    assert f"process {up.process.pid}" in second.stderr
    assert "--home" in second.stderr


def test_only_this_machine_can_reach_any_part(up: Up) -> None:
    listening = [
        connection.laddr.ip
        for process in up.everything
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 4  # facade, Prefect, Valkey, SecantusDB
    assert set(listening) == {"127.0.0.1"}


def test_no_secret_is_on_a_command_line_and_no_file_is_open_to_others(up: Up) -> None:
    secrets = [file.read_text() for file in (up.home / "secrets").iterdir()]
    command_lines = " ".join(" ".join(process.cmdline()) for process in up.leftovers)
    assert secrets
    assert not [secret for secret in secrets if secret in command_lines]
    assert up.home.stat().st_mode & 0o077 == 0
    assert not [file for file in (up.home / "secrets").iterdir() if file.stat().st_mode & 0o077]


def test_no_port_answers_without_a_credential(up: Up) -> None:
    ports = json.loads((up.home / "ports.json").read_text())
    with redis.Redis(port=ports["valkey"]) as valkey, pytest.raises(redis.AuthenticationError):
        valkey.keys()
    anonymous: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(port=ports["mongo"])
    with anonymous as mongo, pytest.raises(pymongo.errors.OperationFailure):
        mongo.list_database_names()
    assert httpx.post(f"{up.prefect_url}/api/deployments/filter", json={}).status_code == 401
    assert httpx.get(f"{up.prefect_url}/api/admin/settings").status_code == 401
    with up.prefect() as prefect:
        assert prefect.post("/deployments/filter", json={}).status_code == 200


def test_env_leads_the_prefect_command_to_the_stack_and_does_not_mislead_the_next_start(
    up: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f'eval "$({PROGRAM} env --home {up.home})" && {PROGRAM.with_name("prefect")} deployment ls && env'
    shell = subprocess.run(
        ["bash", "-c", script], env=clean_environment(), capture_output=True, text=True, timeout=90
    )
    assert shell.returncode == 0, shell.stderr
    assert "system-task/system-" in shell.stdout
    given = dict(re.findall(r"^(PREFECT_API_\w+)=(.*)$", shell.stdout, re.MULTILINE))
    assert given.keys() == {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"}
    for folder in (up.home.parent, up.home.parent / "nothing"):
        refused = falcon("env", "--home", str(folder))
        assert (refused.returncode, refused.stdout) == (1, "")
    for name in os.environ.keys() - clean_environment().keys():  # other tests share their servers by the environment
        monkeypatch.delenv(name)
    own = chosen_parts(Settings.load(), with_worker=True, own_prefect_url=None)
    monkeypatch.setenv("PREFECT_API_URL", given["PREFECT_API_URL"])
    assert chosen_parts(Settings.load(), with_worker=True, own_prefect_url=given["PREFECT_API_URL"]) == own
    assert "prefect" in own


def test_each_process_finds_only_the_secrets_that_it_needs(up: Up) -> None:
    found = {name: " ".join(process.environ().values()) for name, process in up.processes().items()}
    planted = {name: set(re.findall(r"pl4nted-[\w-]+", text)) for name, text in found.items()}
    assert planted["facade"] == set(FACADE_KEYS.values())
    assert planted["worker"] == {"pl4nted-eve-secret"}
    assert not planted["prefect"] | planted["mongo"] | planted["valkey"]
    allowed = up.processes()["worker"].environ()["SCHEDULER_HTTP_ALLOW"]
    assert allowed == f"192.0.2.0/24,127.0.0.1:{up.port}", "the stack adds its own API to what its user allows"
    secrets = {file.name: file.read_text() for file in (up.home / "secrets").iterdir()}
    seers = {key: {name for name, text in found.items() if value in text} for key, value in secrets.items()}
    assert seers["jwt_secret"] == {"facade"}
    assert seers["mongo_password"] == seers["valkey_password"] == {"facade", "worker"}
    assert seers["prefect_password"] == {"facade", "worker", "prefect"}


@pytest.mark.parametrize("part", ["mongo", "valkey", "postgres", "prefect", "facade", "worker"])
def test_a_part_that_is_killed_comes_back(up: Up, part: str) -> None:
    before = up.processes()[part]
    before.kill()
    wait_until(lambda: up.processes().get(part, before).pid != before.pid, f"{part} runs again")
    wait_until(lambda: up.is_healthy(), f"the API is well after {part} was killed")


def test_sigterm_ends_every_process(up: Up) -> None:
    with up.client() as client:
        assert client.post("/tasks", json=TASK).status_code == 201
    up.stop(signal.SIGTERM)
    assert up.process.returncode == 0
    assert up.leftovers == []


def test_a_second_start_finds_the_data(up: Up) -> None:
    up.start()
    with up.client() as client:
        names = [task["name"] for task in client.get("/tasks", params={"q": TASK["name"]}).json()["tasks"]]
    assert names == [TASK["name"]]


def test_when_the_supervisor_is_killed_its_processes_end_too(up: Up) -> None:
    assert up.leftovers
    up.process.kill()
    up.process.wait()
    wait_until(lambda: up.leftovers == [], "no process is left")


@pytest.mark.parametrize("option", ["--port", "--prefect-port"])
def test_a_port_in_use_is_named_with_the_option_that_changes_it(option: str, tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        other = {"--port": "--prefect-port", "--prefect-port": "--port"}[option]
        refused = falcon("up", "--home", f"{tmp_path}/home", option, port, other, str(free_port()))
    assert refused.returncode == 1
    assert port in refused.stderr
    assert option in refused.stderr
