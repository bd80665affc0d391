"""Repeats of a request: the same caller, task and key get the same answer for a day, and make one run.

The request is stored before the engine is asked, with the key that the engine is given. A repeat
after our process died, or after a lost answer, calls the engine under that key again and gets the existing run.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.errors import KeyReused
from falcon_scheduler.core.ports.clock import Clock
from falcon_scheduler.core.ports.keyed import KeyedRequest, KeyedRequestStore

KEPT_FOR = timedelta(hours=24)


class KeyedRequests:
    """Remembers requests by the key that their client gave."""

    def __init__(self, store: KeyedRequestStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def request(self, by: Principal, task_id: str, key: str, wanted: Mapping[str, Any]) -> KeyedRequest:
        """The request as it is when it comes for the first time."""
        return KeyedRequest(
            id=_digest([by.user_id, by.character_id, task_id, key]),
            digest=_digest(wanted),
            run_key=run_key(),
            asked_at=self._clock.now(),
        )

    async def known(self, request: KeyedRequest) -> KeyedRequest:
        """The request that this one repeats, or itself. Raises `KeyReused`."""
        found = await self._store.find(request.id, request.asked_at - KEPT_FOR)
        return _agreeing(found or request, request)

    async def claim(self, request: KeyedRequest) -> KeyedRequest:
        """Remember the request from now on. Returns the one that it repeats, or itself. Raises `KeyReused`."""
        return _agreeing(await self._store.claim(request, request.asked_at - KEPT_FOR), request)

    async def answer(self, request: KeyedRequest, execution_id: str, started_at: datetime) -> None:
        """Remember what the request is answered with."""
        await self._store.answer(replace(request, execution_id=execution_id, started_at=started_at))


def run_key() -> str:
    """A key under which the engine makes one run, however often it is asked."""
    return f"falcon execute {uuid.uuid4()}"


def _agreeing(standing: KeyedRequest, request: KeyedRequest) -> KeyedRequest:
    if standing.digest != request.digest:
        raise KeyReused
    return standing


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
