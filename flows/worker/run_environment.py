"""The environment that runs get from their worker."""

from __future__ import annotations

import os
from uuid import uuid4

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectHTTPStatusError

from falcon_scheduler.adapters.settings import is_for_runs


def run_environment(*, uses_csrf: bool) -> dict[str, str]:
    """The environment of runs: this process's, without what only facades and Prefect's server need.

    Args:
        uses_csrf: whether the Prefect server asks for CSRF tokens, so that no run has to ask.
    """
    environment = {name: value for name, value in os.environ.items() if is_for_runs(name)}
    if not uses_csrf:
        environment["PREFECT_CLIENT_CSRF_SUPPORT_ENABLED"] = "false"
    return environment


async def csrf_protection_is_on(client: PrefectClient) -> bool:
    """Whether the Prefect server asks for CSRF tokens. When it does not answer, yes: the token is requested then."""
    try:
        await client.request("GET", "/csrf-token", params={"client": str(uuid4())})
    except PrefectHTTPStatusError as error:
        return error.response.status_code != httpx.codes.UNPROCESSABLE_ENTITY
    except httpx.TransportError:
        pass
    return True
