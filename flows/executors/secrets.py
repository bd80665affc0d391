"""Secrets by reference: `{{ prefect.blocks.secret.NAME }}` in a text means the value of that Secret block.

A config contains the reference, so neither MongoDB, the API nor Prefect's own records contain the secret. It is read
when an attempt needs it, and remembered only to be removed from what the attempt reports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from falcon_scheduler.core.domain.plain_secrets import secrets_in
from falcon_scheduler.core.domain.redaction import Redactor
from falcon_scheduler.core.domain.references import REFERENCE, has_reference
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.core.ports import SecretReader

_BESIDE_SECRETS = "the task's config holds a secret, so a caller who may create or update tasks has to give this"


class AttemptSecrets:
    """The secrets of one attempt: fills references in, and removes the same secrets from its output."""

    def __init__(self, reader: SecretReader, *plain: object) -> None:
        """`plain` are JSON values (config, parameters) whose own secrets are removed too."""
        self._reader = reader
        self._read: dict[str, str] = {}
        self._plain = frozenset(secret for value in plain for secret in secrets_in(value))

    def __repr__(self) -> str:
        return "AttemptSecrets()"

    async def read(self, name: str) -> str:
        """The secret of this name, without a line end that was pasted with it."""
        if name not in self._read:
            self._read[name] = (await self._reader.read(name)).rstrip("\r\n")
        return self._read[name]

    async def fill(self, text: str, encode: Callable[[str], str] = str) -> str:
        """The text with each reference replaced by its secret, encoded as the kind of text requires."""
        values = {name: encode(await self.read(name)) for name in REFERENCE.findall(text)}
        return REFERENCE.sub(lambda match: values[match[1]], text)

    async def fill_value(self, value: Any) -> Any:
        """The same for all texts in a JSON value."""
        if isinstance(value, str):
            return await self.fill(value)
        if isinstance(value, Mapping):
            return {name: await self.fill_value(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [await self.fill_value(inner) for inner in value]
        return value

    def redactor(self, *more: str) -> Redactor:
        """Removes everything that was read so far, the secrets in the plain values, and `more`."""
        return Redactor([*self._read.values(), *self._plain, *more])


def reserved_beside_secrets(config: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Fault]:
    """Faults for a run's parameters if the task's config contains a secret: any may decide where the secret is sent.

    Only the executor can interpret its parameters: one may be the address that the secret is sent to.
    """
    if not has_reference(config) and not any(secrets_in(config)):
        return []
    return [Fault(f"parameters.{name}", _BESIDE_SECRETS) for name in parameters]
