"""Reads Secret blocks from Prefect."""

from __future__ import annotations

from typing import Any

from prefect.blocks.system import Secret

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.core.errors import EngineRefused, Unavailable
from falcon_scheduler.core.ports import SecretMissing


class PrefectSecrets:
    """See `core.ports.SecretReader`. The Secret blocks of the Prefect server that this process talks to."""

    async def read(self, name: str) -> str:
        """The text of the block."""
        try:
            with translated():
                block: Secret[Any] = await Secret.aload(name)
        except (ValueError, Gone) as error:
            raise SecretMissing(name) from error
        except EngineRefused as error:
            raise Unavailable("Prefect") from error
        value = block.value.get_secret_value()  # `get()` would turn "0123" into a number
        if not isinstance(value, str):
            raise SecretMissing(name)
        return value
