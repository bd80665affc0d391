"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

EnvFileOption = Annotated[
    Path | None,
    Parameter(help="File of variables, such as .env; what the environment sets itself takes precedence."),
]
