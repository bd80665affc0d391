"""The HTTP client for ESI: one pinned compatibility date, cached answers, both limit regimes, retries by the table.

    200                          the answer; body, ETag and Expires are cached
    304                          the cached answer
    400 401 403 404 422 ...      EsiRefused, never tried again
    420                          all requests of all processes stop for `Reset` + 1 s, then again
    429                          the group stops for `Retry-After` (60 s if absent), then again
    500                          two more tries
    502 503 504, time-out, cut   three more tries after about 1, 2 and 4 s

Source: eve-modules, "ESI client rules". It handles paths and JSON; `gateway.py` interprets them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.eve.domain.errors import EsiRefused, EsiUnavailable
from falcon_scheduler.eve.esi.cache import AnswerCache, CachedAnswer, expiry
from falcon_scheduler.eve.esi.limits import EsiLimits
from falcon_scheduler.eve.esi.patience import Patience
from falcon_scheduler.eve.ports import Source

_TRIES_AGAIN = {500: 2, 502: 3, 503: 3, 504: 3}
_TRIES_AGAIN_OTHERWISE = 3
_STOPS_BORNE = 20
"""Stops by 420 and 429 that one request sits through; the run's own limit usually ends it before."""
_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Fetched:
    """A JSON body and where it came from."""

    body: Any
    source: Source


class EsiClient:
    """Sends requests to ESI. One per run: its deadline is the run's."""

    def __init__(
        self, http: httpx.AsyncClient, limits: EsiLimits, cache: AnswerCache, patience: Patience, log: WorkLog
    ) -> None:
        self._http = http
        self._limits = limits
        self._cache = cache
        self._patience = patience
        self._log = log
        self.counts: Counter[str] = Counter()
        """What this client did: `requests`, `retries`, and one `status_…` for each status that was no success."""

    async def get(self, route: str, path: str, delay: timedelta = timedelta()) -> Fetched:
        """Get a path; `route` is its pattern. Waits `delay` first if a request has to be sent.

        Raises:
            EsiRefused, EsiUnavailable
        """
        kept = await self._cache.get(path)
        if kept and kept.fresh:
            return Fetched(kept.body, Source.CACHED)
        await self._patience.wait(delay.total_seconds(), "the delay between requests")
        headers = {"If-None-Match": kept.etag} if kept and kept.etag else {}
        response = await self._answer(route, lambda: self._http.get(path, headers=headers))
        if response.status_code == 304:
            if kept is None:
                raise EsiUnavailable("it answered 304 to a request without an ETag")
            body, source = kept.body, Source.NOT_MODIFIED
        else:
            body, source = response.json(), Source.FETCHED
        etag = response.headers.get("etag") or (kept.etag if kept and source is Source.NOT_MODIFIED else None)
        await self._cache.put(path, CachedAnswer(body, etag, expiry(response.headers)))
        return Fetched(body, source)

    async def post(self, route: str, path: str, body: Any) -> Fetched:
        """Post JSON that changes nothing in ESI, so that it may be repeated. Never cached.

        Raises:
            EsiRefused, EsiUnavailable
        """
        response = await self._answer(route, lambda: self._http.post(path, json=body))
        return Fetched(response.json(), Source.FETCHED)

    async def spare_errors(self, at_least: int) -> None:
        """Wait until ESI lets us make so many more errors."""
        await self._limits.spare_errors(at_least)

    async def _answer(self, route: str, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        failures = stops = 0
        while True:
            await self._limits.admit(route)
            response, fault = await self._try(route, send)
            status = response.status_code if response is not None else 0
            if response is not None and not fault:
                return response
            if status in (420, 429):
                stops += 1
                if stops > _STOPS_BORNE:
                    raise EsiUnavailable(f"it answered {status} to {route} {stops} times")
                continue  # the stop itself is waited for in `admit`
            failures += 1
            if failures > _TRIES_AGAIN.get(status, _TRIES_AGAIN_OTHERWISE):
                raise EsiUnavailable(f"{fault} ({route}, {failures} tries)")
            self.counts["retries"] += 1
            await self._patience.wait(2 ** (failures - 1) * random.uniform(0.8, 1.2), "another try")  # noqa: S311 - jitter, no secret

    async def _try(
        self, route: str, send: Callable[[], Awaitable[httpx.Response]]
    ) -> tuple[httpx.Response | None, str]:
        """One request: the response and what is wrong with it for now ("" when it is an answer)."""
        self.counts["requests"] += 1
        try:
            response = await send()
        except httpx.TimeoutException:
            self.counts["timeouts"] += 1
            return None, "no answer in time"
        except httpx.TransportError as error:
            self.counts["cut_connections"] += 1
            return None, f"the connection failed ({type(error).__name__})"
        status = response.status_code
        await self._limits.learn(route, status, response.headers)
        if status != 200:
            self.counts[f"status_{status}"] += 1
        if status == 304 or (status == 200 and _is_json(response)):
            return response, ""
        if status == 200:
            return response, "it answered 200 with something other than JSON"
        if status in (420, 429) or status >= 500:
            self._log.debug("ESI answered %d to %s", status, route)
            return response, f"it answered {status}"
        raise EsiRefused(status, route, _reason(response))


def _is_json(response: httpx.Response) -> bool:
    try:
        response.json()
    except ValueError:
        return False
    return True


def _reason(response: httpx.Response) -> str:
    """ESI's own message about an error. Source: ESI specification, schema `Error`."""
    try:
        body = response.json()
    except ValueError:
        return ""
    said = body.get("error") if isinstance(body, dict) else None
    return said[:_REASON_CHARACTERS] if isinstance(said, str) else ""
