"""Variables of the environment that several parts of the stack get."""

from __future__ import annotations

import os
from collections.abc import Mapping

from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.prefect_settings import shared_settings


def defaults(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings of Prefect's, without those that the user's environment sets: these have precedence."""
    return {name: value for name, value in settings.items() if not os.environ.get(name)}


def common_environment(home: Home) -> dict[str, str]:
    """Variables for every part, and for a client in another process besides the addresses."""
    return {
        **defaults(shared_settings()),
        "SCHEDULER_HOME": str(home.path),
        "PREFECT_HOME": str(home.data("prefect")),
        "PYTHONUNBUFFERED": "1",  # a buffered log would lose the last lines before a crash
    }
