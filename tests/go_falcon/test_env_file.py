"""`--env-file`: variables of a file such as go-falcon's `.env`, read only when it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcon_scheduler.adapters.settings.env_file import EnvFileError, take_env_file

CONTENT = """\
# go-falcon
MONGODB_URI="mongodb://mongo:27017/falcon"
export REDIS_URL=redis://:hunter2@cache:6379/0
JWT_SECRET='a secret of thirty-two bytes or more'
COOKIE_DOMAIN=
SCHEDULER_QUEUE_SIZE=50
"""


def test_a_file_sets_what_the_environment_does_not_set_itself(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(CONTENT)
    environment = {"SCHEDULER_QUEUE_SIZE": "7"}
    read = take_env_file(path, environment)
    assert environment["MONGODB_URI"] == "mongodb://mongo:27017/falcon"
    assert environment["JWT_SECRET"] == "a secret of thirty-two bytes or more"
    assert environment["SCHEDULER_QUEUE_SIZE"] == "7"
    assert "COOKIE_DOMAIN" not in environment
    assert (read.taken, read.kept) == (("JWT_SECRET", "MONGODB_URI", "REDIS_URL"), ("SCHEDULER_QUEUE_SIZE",))


def test_what_is_said_of_a_file_names_it_and_its_variables_and_no_value(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(CONTENT)
    said = str(take_env_file(path, {"REDIS_URL": "redis://other"}))
    assert str(path) in said
    assert "REDIS_URL" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_can_not_be_read_stops_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / ".env"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EnvFileError, match="--env-file"):
        take_env_file(path, {})
