"""Reads Secret blocks from Prefect."""

from __future__ import annotations

from typing import Any

import httpx
from prefect.blocks.system import Secret
from prefect.exceptions import PrefectHTTPStatusError

from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.flows.executors.secrets import SecretMissing


class PrefectSecrets:
    """The Secret blocks of the Prefect server that this process talks to."""

    async def read(self, name: str) -> str:
        """See `SecretReader.read`."""
        try:
            block: Secret[Any] = await Secret.aload(name)
        except ValueError as error:
            raise SecretMissing(name) from error
        except (httpx.HTTPError, PrefectHTTPStatusError, OSError, RuntimeError) as error:
            raise Unavailable("Prefect") from error
        value = block.value.get_secret_value()  # `get()` would turn "0123" into a number
        if not isinstance(value, str):
            raise SecretMissing(name)
        return value
