"""When a request may be sent: ESI's stops and our own pace, shared by all processes through Redis.

    scope      stopped by                                       source
    "all"      420, or few errors left in the window            X-ESI-Error-Limit-Remain/-Reset
    group      429 of a rate-limit group                        X-Ratelimit-Group, Retry-After
    route      429 without headers, from a deeper server        esi-docs, rate limiting

Without Redis the same rules hold for this process alone. See docs/decisions/0007.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from redis.asyncio import Redis

from falcon_scheduler.adapters.redis.errors import translated
from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.errors import Unavailable

EVERYTHING = "all"
_PREFIX = "esi:{limits}:"  # one hash slot, as the script needs it on a cluster
_PACE, _REMAIN = f"{_PREFIX}pace", f"{_PREFIX}errors-remain"
BURST = 4
"""Requests that may go at once after a quiet moment."""

_ADMIT = """
local longest = 0
for i = 2, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if left > longest then longest = left end
end
if longest > 0 then return {1, longest} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local free_at = tonumber(redis.call('GET', KEYS[1]) or '0')
local earliest = now - interval * (tonumber(ARGV[2]) - 1)
if free_at < earliest then free_at = earliest end
redis.call('SET', KEYS[1], string.format('%.0f', free_at + interval), 'PX', 60000 + math.ceil(interval / 1000))
local wait = free_at - now
if wait < 0 then wait = 0 end
return {0, math.ceil(wait / 1000)}
"""
"""A generic cell rate: each request takes the next slot, so that waiting costs no polling. A stop takes no slot."""

_STOP = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return 0
"""
"""Stops only ever grow: two answers may report the same window."""


class Pacing(Protocol):
    """When a request may be sent."""

    async def reserve(self, scopes: Sequence[str]) -> tuple[bool, float]:
        """Request a slot: (False, seconds until the slot that is now ours) or (True, seconds of a stop)."""
        ...

    async def stopped_seconds(self, scopes: Sequence[str]) -> float:
        """How long a stop of any of these still lasts; 0 when there is none."""
        ...

    async def stop(self, scope: str, seconds: float) -> None:
        """Stop a scope for so long, everywhere."""
        ...

    async def note_errors(self, remain: int, reset_seconds: float) -> None:
        """ESI lets all of us make `remain` more errors in the next so many seconds."""
        ...

    async def errors(self) -> tuple[int, float] | None:
        """What was noted last, while it holds: errors left, seconds until the window ends."""
        ...


class LocalPacing:
    """Paces this process alone."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = 1 / requests_per_second
        self._free_at = 0.0
        self._stops: dict[str, float] = {}
        self._errors: tuple[int, float] | None = None

    async def reserve(self, scopes: Sequence[str]) -> tuple[bool, float]:
        stopped = await self.stopped_seconds(scopes)
        if stopped > 0:
            return True, stopped
        now = time.monotonic()
        slot = max(self._free_at, now - self._interval * (BURST - 1))
        self._free_at = slot + self._interval
        return False, max(0.0, slot - now)

    async def stopped_seconds(self, scopes: Sequence[str]) -> float:
        now = time.monotonic()
        return max(0.0, *(self._stops.get(scope, now) - now for scope in (EVERYTHING, *scopes)))

    async def stop(self, scope: str, seconds: float) -> None:
        self._stops[scope] = max(self._stops.get(scope, 0.0), time.monotonic() + seconds)

    async def note_errors(self, remain: int, reset_seconds: float) -> None:
        self._errors = (remain, time.monotonic() + reset_seconds)

    async def errors(self) -> tuple[int, float] | None:
        if self._errors is None or self._errors[1] <= time.monotonic():
            return None
        return self._errors[0], self._errors[1] - time.monotonic()


class RedisPacing:
    """Paces all processes that share a Redis."""

    def __init__(self, redis: Redis, requests_per_second: float) -> None:
        self._redis = redis
        self._interval_us = round(1_000_000 / requests_per_second)
        self._admit = redis.register_script(_ADMIT)
        self._stop = redis.register_script(_STOP)

    async def reserve(self, scopes: Sequence[str]) -> tuple[bool, float]:
        keys = [_PACE, *_stop_keys(scopes)]
        with translated():
            stopped, wait_ms = await self._admit(keys=keys, args=[self._interval_us, BURST])
        return bool(stopped), wait_ms / 1000

    async def stopped_seconds(self, scopes: Sequence[str]) -> float:
        with translated():
            left = await asyncio.gather(*(self._redis.pttl(key) for key in _stop_keys(scopes)))
        return max(0, *left) / 1000

    async def stop(self, scope: str, seconds: float) -> None:
        with translated():
            await self._stop(keys=[f"{_PREFIX}stop:{scope}"], args=[max(1, round(seconds * 1000))])

    async def note_errors(self, remain: int, reset_seconds: float) -> None:
        with translated():
            await self._redis.set(_REMAIN, remain, px=max(1, round(reset_seconds * 1000)))

    async def errors(self) -> tuple[int, float] | None:
        with translated():
            remain, left_ms = await asyncio.gather(self._redis.get(_REMAIN), self._redis.pttl(_REMAIN))
        return None if remain is None or left_ms <= 0 else (int(remain), left_ms / 1000)


def _stop_keys(scopes: Sequence[str]) -> list[str]:
    return [f"{_PREFIX}stop:{scope}" for scope in (EVERYTHING, *scopes)]


class SharedPacing:
    """Paces through Redis, and locally from the moment Redis fails: ESI's limits bind us either way."""

    def __init__(self, redis: Redis | None, requests_per_second: float, log: WorkLog) -> None:
        self._local = LocalPacing(requests_per_second)
        self._shared = None if redis is None else RedisPacing(redis, requests_per_second)
        self._log = log

    async def reserve(self, scopes: Sequence[str]) -> tuple[bool, float]:
        if self._shared:
            try:
                return await self._shared.reserve(scopes)
            except Unavailable:
                self._give_up()
        return await self._local.reserve(scopes)

    async def stopped_seconds(self, scopes: Sequence[str]) -> float:
        if self._shared:
            try:
                return await self._shared.stopped_seconds(scopes)
            except Unavailable:
                self._give_up()
        return await self._local.stopped_seconds(scopes)

    async def stop(self, scope: str, seconds: float) -> None:
        await self._local.stop(scope, seconds)
        if self._shared:
            try:
                await self._shared.stop(scope, seconds)
            except Unavailable:
                self._give_up()

    async def note_errors(self, remain: int, reset_seconds: float) -> None:
        await self._local.note_errors(remain, reset_seconds)
        if self._shared:
            try:
                await self._shared.note_errors(remain, reset_seconds)
            except Unavailable:
                self._give_up()

    async def errors(self) -> tuple[int, float] | None:
        if self._shared:
            try:
                return await self._shared.errors()
            except Unavailable:
                self._give_up()
        return await self._local.errors()

    def _give_up(self) -> None:
        self._shared = None
        self._log.warning("Redis is away: ESI's limits are kept by this run alone, and nothing is cached")
