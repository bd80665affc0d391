"""How many requests this process sends to one host at once. The others wait for their turn, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx


@dataclass(slots=True)
class _Gate:
    slots: asyncio.Semaphore
    users: int = 0


class HostLimit:
    """Remembers hosts only while requests to them are under way."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._gates: dict[tuple[str, int | None], _Gate] = {}

    @asynccontextmanager
    async def slot(self, url: str) -> AsyncIterator[None]:
        """A slot of the host and port of this address, while in the context."""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:  # refused with a reason when it is sent
            yield
            return
        site = parsed.host, parsed.port
        gate = self._gates.setdefault(site, _Gate(asyncio.Semaphore(self._at_once)))
        gate.users += 1
        try:
            async with gate.slots:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[site]
