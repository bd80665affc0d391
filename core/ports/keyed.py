"""Where requests are remembered that their clients may send again under the same key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request that its client gave a key.

    `id` identifies the caller, the task and the key; `digest` the content; `run_key` is the key for the
    engine. The last two are the answer, once there is one.
    """

    id: str
    digest: str
    run_key: str
    asked_at: datetime
    execution_id: str = ""
    started_at: datetime | None = None


class KeyedRequestStore(Protocol):
    """Each request is kept for a limited time."""

    async def find(self, request_id: str, oldest: datetime) -> KeyedRequest | None:
        """The request, if it was made at or after `oldest`."""
        ...

    async def claim(self, request: KeyedRequest, oldest: datetime) -> KeyedRequest:
        """Store the request unless `find` finds one. Returns the stored one."""
        ...

    async def answer(self, request: KeyedRequest) -> None:
        """Remember the request's answer; nothing happens when the request is gone."""
        ...
