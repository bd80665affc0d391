"""ESI as the modules see it, and how it is opened."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from redis.asyncio import Redis

from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.eve.domain.affiliation import Affiliation
from falcon_scheduler.eve.domain.errors import EsiWaitTooLong, EveMisconfigured
from falcon_scheduler.eve.esi import shapes
from falcon_scheduler.eve.esi.cache import AnswerCache
from falcon_scheduler.eve.esi.client import EsiClient
from falcon_scheduler.eve.esi.limits import EsiLimits
from falcon_scheduler.eve.esi.pacing import SharedPacing
from falcon_scheduler.eve.esi.patience import Patience
from falcon_scheduler.eve.ports import Answer

TENANT = "tranquility"
_ROLLS_AT = timedelta(hours=11)
"""A compatibility date may be used from 11:00 UTC of its day. Source: esi-docs, overview."""
_REQUEST_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_ALLIANCE, _CORPORATION = "/alliances/{alliance_id}", "/corporations/{corporation_id}"
_AFFILIATION = "/characters/affiliation"
_CONTACT = re.compile(r"[^\s@(;]+@[^\s@);]+\.[^\s@);]+|https?://[^\s/);]+\.[^\s);]+")
_DUMMY = re.compile(r"@(.+\.)?example\.|//(.+\.)?example\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class EsiAccess:
    """How ESI is reached. Checked once, by `open_esi`."""

    base_url: str
    user_agent: str | None
    compatibility_date: date
    requests_per_second: float
    request_seconds: float = _REQUEST_SECONDS


class Esi:
    """An `EsiGateway` over the client."""

    def __init__(self, client: EsiClient, patience: Patience) -> None:
        self._client = client
        self._patience = patience

    async def alliance_ids(self) -> Sequence[int]:
        fetched = await self._client.get("/alliances", "/alliances")
        return shapes.read(shapes.IDS, fetched.body, "/alliances")

    async def alliance(self, alliance_id: int, delay: timedelta = timedelta()) -> Answer:
        fetched = await self._client.get(_ALLIANCE, f"/alliances/{alliance_id:d}", delay)
        body = shapes.read(shapes.ALLIANCE, fetched.body, _ALLIANCE)
        return Answer(body.entity(alliance_id), fetched.source)

    async def corporation(self, corporation_id: int, delay: timedelta = timedelta()) -> Answer:
        fetched = await self._client.get(_CORPORATION, f"/corporations/{corporation_id:d}", delay)
        body = shapes.read(shapes.CORPORATION, fetched.body, _CORPORATION)
        return Answer(body.entity(corporation_id), fetched.source)

    async def affiliations(self, character_ids: Sequence[int]) -> Sequence[Affiliation]:
        fetched = await self._client.post(_AFFILIATION, _AFFILIATION, list(character_ids))
        return [body.affiliation() for body in shapes.read(shapes.AFFILIATIONS, fetched.body, _AFFILIATION)]

    async def spare_errors(self, at_least: int) -> None:
        await self._client.spare_errors(at_least)

    def statistics(self) -> dict[str, Any]:
        """What it cost: requests, retries, statuses that were no success, seconds waited."""
        waited = round(self._patience.waited_seconds, 1)
        return {"requests": 0, **self._client.counts, "waited_seconds": waited}


@asynccontextmanager
async def open_esi(access: EsiAccess, redis: Redis | None, deadline_at: datetime, log: WorkLog) -> AsyncIterator[Esi]:
    """ESI for one run, until its deadline. Without Redis, limits hold for this run alone and nothing is cached.

    Raises:
        EveMisconfigured: no real User-Agent, or a compatibility date that ESI would not take yet.
    """
    headers = _headers(access)
    if redis is None:
        log.warning("Redis is away: ESI's limits are kept by this run alone, and nothing is cached")
    patience = Patience(deadline_at, log, EsiWaitTooLong)
    limits = EsiLimits(SharedPacing(redis, access.requests_per_second, log), patience)
    host = hashlib.blake2s(access.base_url.encode(), digest_size=6).hexdigest()
    cache = AnswerCache(redis, f"{host}:{TENANT}:{access.compatibility_date}", log)
    async with httpx.AsyncClient(
        http2=True,
        base_url=access.base_url,
        headers=headers,
        timeout=httpx.Timeout(access.request_seconds, connect=_CONNECT_SECONDS, pool=None),
        follow_redirects=False,
    ) as http:
        yield Esi(EsiClient(http, limits, cache, patience, log), patience)


def _headers(access: EsiAccess) -> dict[str, str]:
    agent = access.user_agent or ""
    if not _CONTACT.search(agent) or _DUMMY.search(agent):
        raise EveMisconfigured(
            "ESI requires a contact: set ESI_USER_AGENT to your application's name, version and a way to "
            "reach you, such as: MyCorpScheduler/1.0 (you@yourcorp.org)"
        )
    if access.compatibility_date > (datetime.now(UTC) - _ROLLS_AT).date():
        raise EveMisconfigured(
            f"ESI_COMPATIBILITY_DATE {access.compatibility_date} lies in the future (a day begins at 11:00 UTC)"
        )
    return {
        "User-Agent": agent,
        "X-Compatibility-Date": access.compatibility_date.isoformat(),
        "X-Tenant": TENANT,
        "Accept": "application/json",
    }
