"""`falcon-scheduler up`, from its first start to its second: one running stack, looked at from outside.

The tests of this file run in the order in which they stand; the last ones stop the stack and start it again.
"""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import httpx
import psutil
import pytest

from deployments.stack.home import free_port
from tests.stack.running_stack import Up, falcon, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TASK = {
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


def test_no_secret_stands_on_a_command_line_and_no_file_is_open_to_others(up: Up) -> None:
    secrets = [file.read_text() for file in (up.home / "secrets").iterdir()]
    command_lines = " ".join(" ".join(process.cmdline()) for process in up.leftovers)
    assert secrets
    assert not [secret for secret in secrets if secret in command_lines]
    assert up.home.stat().st_mode & 0o077 == 0
    assert not [file for file in (up.home / "secrets").iterdir() if file.stat().st_mode & 0o077]


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
