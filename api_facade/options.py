"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token, validators

from falcon_scheduler.core.domain.duration import parse_duration
from falcon_scheduler.core.errors import SchedulerError

EnvFileOption = Annotated[
    Path | None,
    Parameter(help="File of variables, such as .env; what the environment sets itself takes precedence."),
]


def _folder(type_: object, tokens: Sequence[Token]) -> Path:
    if not tokens[0].value.strip():  # else it would be the present folder
        raise ValueError("must not be empty")
    return Path(tokens[0].value)


def _is_not_empty(type_: object, value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))]
Text = Annotated[str, Parameter(validator=_is_not_empty)]
HomeOption = Annotated[
    Path | None,
    Parameter(
        help="Data, logs and secrets. Default: SCHEDULER_HOME, else .falcon in this folder.",
        converter=_folder,
    ),
]


def positive_duration(option: str, text: str) -> timedelta:
    """The length of time that an option gives. Raises `SchedulerError`, naming the option."""
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise SchedulerError(f"{option}: {error}") from error
    if length <= timedelta():
        raise SchedulerError(f"{option}: must be longer than nothing")
    return length
