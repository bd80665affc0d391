"""What the command line says when it can't do what was asked."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

import falcon_scheduler
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.cli import main
from falcon_scheduler.deployments.stack.foreground import chosen_parts
from tests.stack.running_stack import falcon, into_a_closed_pipe


def test_a_bad_variable_stops_the_start_and_is_named(tmp_path: Path) -> None:
    refused = falcon("up", "--home", f"{tmp_path}/home", SCHEDULER_WORKER_COUNT="many")
    assert refused.returncode == 1
    assert "SCHEDULER_WORKER_COUNT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_misspelt_variable_is_reported_with_the_right_name_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    began = falcon("up", "--home", f"{tmp_path}/file/home", SCHEDULER_WORKERCOUNT="hunter2")
    assert (
        "SCHEDULER_WORKERCOUNT is not a setting and is ignored; did you mean SCHEDULER_WORKER_COUNT?" in began.stderr
    )
    assert "hunter2" not in began.stderr + began.stdout
    assert f"{tmp_path}/file/home" in began.stderr, "it went on, up to the home that can't be made"


def test_a_home_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = falcon("up", "--home", f"{tmp_path}/file/home")
    assert refused.returncode == 1
    assert f"{tmp_path}/file/home" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("up --port 65536", "--port"),
        ("up --port -1", "--port"),
        ("up --port abc", "--port"),
        ("up --prefect-port 99999999999999999999", "--prefect-port"),
        ("up --host ''", "--host"),
        ("up --home ''", "--home"),
        ("status --home ''", "--home"),
        ("down --home ''", "--home"),
        ("env --home ''", "--home"),
        ("token --home ''", "--home"),
        ("token --ttl 0s", "--ttl"),
        ("token --ttl soon", "--ttl"),
        ("token --ttl 9999999999h", "--ttl"),
        ("token --character-id 0", "--character-id"),
        ("token --character-id 9223372036854775808", "--character-id"),
        ("token --user-id ''", "--user-id"),
        ("token --character-name ' '", "--character-name"),
        ("token --no-such-option", "--no-such-option"),
        ("no-such-command", "no-such-command"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_option(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: str,
    named: str,
) -> None:
    monkeypatch.setattr(sys, "argv", ["falcon-scheduler", *shlex.split(arguments)])
    monkeypatch.setenv("SCHEDULER_HOME", f"{tmp_path}/home")
    monkeypatch.setenv("JWT_SECRET", "s" * 32)
    with pytest.raises(SystemExit) as refused:  # no process of its own: each would take a second to import
        main()
    assert refused.value.code == 1
    assert named in "".join(capfd.readouterr())
    assert not (tmp_path / "home").exists(), "nothing was begun"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("--port 18000 --prefect-port 18000", "--prefect-port both name port 18000"),
        ("--host no.such.host.invalid", "--host"),
    ],
)
def test_addresses_that_can_not_be_taken_are_named(tmp_path: Path, arguments: str, named: str) -> None:
    refused = falcon("up", *arguments.split(), SCHEDULER_HOME=f"{tmp_path}/home")
    assert refused.returncode == 1
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr


def test_its_version_is_that_of_the_package() -> None:
    assert falcon("--version").stdout.strip() == falcon_scheduler.__version__


@pytest.mark.parametrize("arguments", ["--help", "--version", "up --help", "token", "up --port 8000"])
def test_a_reader_that_is_gone_is_no_error_to_be_traced(tmp_path: Path, arguments: str) -> None:
    if arguments.startswith("up --port"):  # what comes after its first line shows that it went on
        (tmp_path / "home").touch()
    refused = into_a_closed_pipe(*arguments.split(), SCHEDULER_HOME=f"{tmp_path}/home", JWT_SECRET="s" * 32)
    assert "Traceback" not in refused
    assert "BrokenPipe" not in refused
    if arguments.startswith("up --port"):
        assert f"Can't keep data in {tmp_path}/home" in refused


@pytest.mark.parametrize("command", ["token", "status", "down", "env"])
def test_a_folder_where_no_stack_ever_ran_is_reported_so_and_left_alone(tmp_path: Path, command: str) -> None:
    refused = falcon(command, "--home", f"{tmp_path}/nothing")
    assert refused.returncode == 1
    assert f"{tmp_path}/nothing" in refused.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_token_is_signed_with_the_given_secret_where_one_is_given(tmp_path: Path) -> None:
    import jwt

    secret = "a secret that is shared with others"
    made = falcon("token", "--super-admin", "--home", str(tmp_path), "--ttl", "90s", JWT_SECRET=secret)
    claims = jwt.decode(made.stdout.strip(), secret, algorithms=["HS256"], issuer="go-falcon")
    assert claims["super_admin"] is True
    assert claims["exp"] - claims["iat"] == 90
    assert claims["user_id"]
    assert claims["character_id"] > 0


def test_a_token_that_would_never_be_valid_is_refused(tmp_path: Path) -> None:
    refused = falcon("token", "--ttl", "0s", JWT_SECRET="a secret that is shared with others")
    assert refused.returncode == 1
    assert "--ttl" in refused.stderr


@pytest.mark.parametrize(
    ("variable", "value", "left_out"),
    [
        ("MONGODB_URI", "mongodb://db:27017", {"mongo"}),
        ("REDIS_HOST", "cache", {"valkey"}),
        ("PREFECT_API_URL", "http://prefect:4200/api", {"prefect", "postgres"}),
        ("PREFECT_API_DATABASE_CONNECTION_URL", "postgresql+asyncpg://u@db/prefect", {"postgres"}),
    ],
)
def test_a_server_whose_address_is_given_is_left_out(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, left_out: set[str]
) -> None:
    for name in ("MONGODB_URI", "REDIS_HOST", "PREFECT_API_URL", "PREFECT_API_DATABASE_CONNECTION_URL"):
        monkeypatch.delenv(name, raising=False)
    everything = chosen_parts(Settings.load(), with_worker=True)
    monkeypatch.setenv(variable, value)
    assert everything - chosen_parts(Settings.load(), with_worker=True) == left_out
