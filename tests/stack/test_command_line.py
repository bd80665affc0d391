"""What the command line says when it can't do what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.settings import Settings
from deployments.stack.foreground import chosen_parts
from tests.stack.running_stack import falcon


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


@pytest.mark.parametrize("command", ["token", "status", "down"])
def test_a_folder_where_no_stack_ever_ran_is_told_so_and_left_alone(tmp_path: Path, command: str) -> None:
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
