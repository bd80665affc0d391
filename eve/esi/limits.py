"""Reads ESI's headers on its limits, in both of its regimes, and turns them into stops.

Old regime: 100 errors in a fixed window of a minute over all routes, then 420 on every route. New regime: token
buckets by group, then 429. A route sends the headers of one regime only. Source: esi-docs, rate limiting; the old
`Reset` is in seconds left, which go-falcon took for a Unix time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from time import time

from falcon_scheduler.eve.esi.pacing import EVERYTHING, Pacing
from falcon_scheduler.eve.esi.patience import Patience

FEW_ERRORS = 10
"""With fewer errors left, no request is sent until the window ends: those under way may fail too."""
_WORTH_NOTING = 50
"""With more errors left than this the other processes need no stop."""
_RESET_IF_SILENT_SECONDS = 60.0
_RETRY_IF_SILENT_SECONDS = 60.0
_FEW_TOKENS = 10
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class EsiLimits:
    """Lets requests through when ESI's limits and our pace allow, and learns from every answer."""

    def __init__(self, pacing: Pacing, patience: Patience) -> None:
        self._pacing = pacing
        self._patience = patience
        self._group_of_route: dict[str, str] = {}

    async def admit(self, route: str) -> None:
        """Wait until a request to this route may be sent.

        Raises:
            EsiWaitTooLong: the wait would outlast the run.
        """
        scopes = self._scopes(route)
        while True:
            stopped, seconds = await self._pacing.reserve(scopes)
            await self._patience.wait(seconds, "a stop that ESI requires" if stopped else "our own pace")
            if not stopped and (seconds == 0 or not await self._pacing.stopped_seconds(scopes)):
                return

    async def spare_errors(self, at_least: int) -> None:
        """Wait until so many errors are left in the window."""
        while (known := await self._pacing.errors()) and known[0] < at_least:
            await self._patience.wait(known[1] + 1, "the end of ESI's error window")

    async def learn(self, route: str, status: int, headers: Mapping[str, str]) -> None:
        """Take in an answer's status and headers."""
        if group := headers.get("x-ratelimit-group"):
            self._group_of_route[route] = group
        if status == 429:
            await self._pacing.stop(group or f"route:{route}", retry_after_seconds(headers))
        elif group:
            await self._spread(group, headers)
        await self._learn_errors(status, headers)

    async def _learn_errors(self, status: int, headers: Mapping[str, str]) -> None:
        remain = _number(headers.get("x-esi-error-limit-remain"))
        reset = _number(headers.get("x-esi-error-limit-reset"))
        seconds = _RESET_IF_SILENT_SECONDS if reset is None else reset
        if remain is not None and (remain <= _WORTH_NOTING or status >= 400):
            await self._pacing.note_errors(int(remain), seconds)
        if status == 420 or (remain is not None and remain < FEW_ERRORS):
            await self._pacing.stop(EVERYTHING, seconds + 1)

    async def _spread(self, group: str, headers: Mapping[str, str]) -> None:
        """Near the end of a bucket, send no faster than it refills, which prevents the 429."""
        remaining = _number(headers.get("x-ratelimit-remaining"))
        limit = re.fullmatch(r"(\d+)/(\d+)([smhd])", headers.get("x-ratelimit-limit", ""))
        if remaining is None or remaining >= _FEW_TOKENS or limit is None:
            return
        tokens, window_seconds = int(limit[1]), int(limit[2]) * _SECONDS[limit[3]]
        await self._pacing.stop(group, 2 * window_seconds / max(1, tokens))  # a success costs 2 tokens

    def _scopes(self, route: str) -> Sequence[str]:
        group = self._group_of_route.get(route)
        return (f"route:{route}", group) if group else (f"route:{route}",)


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """The wait that a 429 requires: seconds or an HTTP date; a minute without such a header."""
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return _RETRY_IF_SILENT_SECONDS


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
