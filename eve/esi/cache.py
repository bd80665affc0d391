"""ESI's answers in Redis: valid until `Expires`, and kept longer, so that ESI can answer 304 without a body.

Source: esi-docs, best practices: asking again before `Expires` can get a client banned.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.errors import Unavailable

KEPT_FOR = timedelta(days=14)
"""Twice the time between two alliance imports, the rarest of the tasks."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer of ESI's. `expires_at` is a Unix time in seconds by our clock."""

    body: Any
    etag: str | None
    expires_at: float

    @property
    def fresh(self) -> bool:
        """Whether the answer is still valid, so that no request is sent."""
        return time.time() < self.expires_at


class AnswerCache:
    """The cache, or none at all without Redis: an answer that cannot be looked up is a miss."""

    def __init__(self, redis: Redis | None, prefix: str, log: WorkLog) -> None:
        """`prefix` distinguishes what changes the answer to the same path: host, tenant and compatibility date."""
        self._redis = redis
        self._prefix = f"esi:answer:{prefix}:"
        self._log = log

    async def get(self, path: str) -> CachedAnswer | None:
        """What is kept for this path."""
        if self._redis is None:
            return None
        try:
            with translated():
                kept = await self._redis.get(self._prefix + path)
        except Unavailable:
            self._give_up()
            return None
        if kept is None:
            return None
        try:
            value = json.loads(kept)
            return CachedAnswer(value["body"], value["etag"], value["expires_at"])
        except (ValueError, KeyError, TypeError):
            return None  # not as this version writes it; the next answer replaces it

    async def put(self, path: str, answer: CachedAnswer) -> None:
        """Keep an answer, unless it could be used neither now nor later."""
        if self._redis is None or not (answer.etag or answer.fresh):
            return
        value = {"body": answer.body, "etag": answer.etag, "expires_at": answer.expires_at}
        try:
            with translated():
                await self._redis.set(self._prefix + path, json.dumps(value, separators=(",", ":")), ex=KEPT_FOR)
        except Unavailable:
            self._give_up()

    def _give_up(self) -> None:
        self._redis = None
        self._log.warning("Redis is away: ESI's answers are not cached in this run")


def expiry(headers: Mapping[str, str]) -> float:
    """When an answer stops being good, as a Unix time; now or earlier without such a header.

    `Expires` is read against the answer's own `Date`, so that a wrong clock on our side does no harm.
    """
    now = time.time()
    try:
        expires = parsedate_to_datetime(headers["expires"]).timestamp()
        sent = parsedate_to_datetime(headers["date"]).timestamp() if "date" in headers else now
        return now + expires - sent
    except (KeyError, ValueError):
        pass
    for part in headers.get("cache-control", "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "max-age" and value.isascii() and value.isdecimal():
            return now + int(value)
    return now
