"""Adds the variables of a file such as go-falcon's `.env` to the environment. Only a file that is named is read."""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from falcon_scheduler.core.errors import SchedulerError


class EnvFileError(SchedulerError):
    """The file can't be read. The message does not quote it."""

    code = "env_file"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"--env-file {path}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVariables:
    """The names of what a file set, and of what the environment had set already and keeps."""

    path: Path
    taken: tuple[str, ...]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        """A line for the operator; it holds no value."""
        kept = f"; kept from the environment: {', '.join(self.kept)}" if self.kept else ""
        return f"Read {len(self.taken)} variables from {self.path}{kept}"


def take_env_file(path: Path, environment: MutableMapping[str, str] = os.environ) -> ReadVariables:
    """Set the variables that the environment does not set.

    Raises:
        EnvFileError: the file can't be read, or contains no variables.
    """
    if not path.expanduser().is_file():
        raise EnvFileError(path, "there is no such file")
    try:
        values = dotenv_values(path.expanduser(), encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text in UTF-8"
        raise EnvFileError(path, reason) from error
    given = {name: value for name, value in values.items() if value}
    kept = tuple(sorted(name for name in given if environment.get(name)))
    taken = {name: value for name, value in given.items() if name not in kept}
    environment.update(taken)
    return ReadVariables(path=path, taken=tuple(sorted(taken)), kept=kept)
