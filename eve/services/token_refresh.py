"""The auth module: every login that is about to expire is refreshed once, even if several runs work at it.

A refresh token may change with each use, and the old one is dead then. So each profile is claimed in the database
before its token is sent, and what comes back is stored even while the run is being cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from falcon_scheduler.eve.domain.errors import (
    EveMisconfigured,
    GrantRejected,
    OtherRefresher,
    SsoUnavailable,
    TokenNotGenuine,
)
from falcon_scheduler.eve.domain.options import TokenRefreshOptions
from falcon_scheduler.eve.domain.profile import Grant, Identity, Profile
from falcon_scheduler.eve.domain.report import Report
from falcon_scheduler.eve.ports import ProfileStore, Sso
from falcon_scheduler.eve.services.concurrency import complete, for_each, insist
from falcon_scheduler.eve.services.modules import TokenRefreshResult

CLAIM_TIME = timedelta(minutes=2)
"""Longer than any call to SSO (30 s), short enough that a crashed worker's profiles are free before they are due."""
_STOP_BEFORE_DEADLINE = timedelta(seconds=5)
"""Or a tenth of the time there is, if that is less."""


class TokenRefresher:
    """An `AuthModule` over EVE SSO and a `ProfileStore`."""

    def __init__(self, profiles: ProfileStore, sso: Sso, now: Callable[[], datetime]) -> None:
        self._profiles = profiles
        self._sso = sso
        self._now = now

    async def refresh_expiring_tokens(self, options: TokenRefreshOptions, report: Report) -> TokenRefreshResult:
        """Refresh every due profile, oldest first.

        Raises:
            OtherRefresher: somebody else refreshes the same profiles; none was touched.
            EveMisconfigured: SSO does not accept us; no profile was touched for it.
            SsoUnavailable: SSO was away before the first token was sent.
        """
        for name in ("success", "failed"):
            report.count(name, 0)
        await self._look_for_another(options, report)
        await self._sso.prepare()
        due, ending = self._due(options, report), asyncio.Event()
        await for_each(due, lambda profile: self._refresh(profile, report, ending), options.concurrent_workers)
        return TokenRefreshResult(**report.counts)

    async def _look_for_another(self, options: TokenRefreshOptions, report: Report) -> None:
        now = self._now()
        character_id = await self._profiles.of_another_refresher(now)
        await self._profiles.note_other_refresher(character_id, now)
        if character_id is None:
            return
        if not options.ignore_other_refresher:
            raise OtherRefresher(character_id)
        report.log.warning("Somebody else refreshes the same logins, character %d among them", character_id)

    async def _due(self, options: TokenRefreshOptions, report: Report) -> AsyncIterator[Profile]:
        now = self._now()
        before = now + options.window
        stop_at = report.deadline_at - min(_STOP_BEFORE_DEADLINE, (report.deadline_at - now) / 10)
        position = None
        met: set[object] = set()  # with a window longer than a token lives, what was refreshed would be due again
        while page := await self._profiles.due(before, position, options.batch_size):
            for profile in page:
                if profile.key in met:
                    continue
                met.add(profile.key)
                if self._now() > stop_at:
                    report.count("unfinished")
                    report.log.warning("The time limit is near; the rest is left to the next run")
                    return
                yield profile
            position = page[-1].position

    async def _refresh(self, profile: Profile, report: Report, ending: asyncio.Event) -> None:
        if profile.refresh_token is None:
            report.log.warning("Token of character %d cannot be opened with EVE_TOKEN_KEY", profile.character_id)
            await self._failed(report, "unreadable")
            return
        try:
            await complete(self._claimed(profile, profile.refresh_token, report, ending), on_cancel=ending.set)
        except BaseException:
            ending.set()
            raise

    async def _claimed(self, profile: Profile, refresh_token: str, report: Report, ending: asyncio.Event) -> None:
        now = self._now()
        if not await self._profiles.claim(profile, now, now + CLAIM_TIME):
            report.count("elsewhere")
        elif ending.is_set():
            await self._profiles.release(profile)
        else:
            await self._exchange(profile, refresh_token, report)

    async def _exchange(self, profile: Profile, refresh_token: str, report: Report) -> None:
        try:
            grant = await self._sso.exchange(refresh_token)
        except GrantRejected as error:
            await self._invalidate(profile, report, str(error))
        except EveMisconfigured:
            await self._profiles.release(profile)
            raise
        except SsoUnavailable as error:
            await self._profiles.release(profile)
            report.log.warning("Token of character %d was not refreshed: %s", profile.character_id, error)
            await self._failed(report, "transient")
        else:
            await self._keep(profile, grant, report)

    async def _keep(self, profile: Profile, grant: Grant, report: Report) -> None:
        """Store what SSO gave. The old token is dead by now, so a database that is away is waited for."""
        now = self._now()
        try:
            identity = await self._sso.identify(grant.access_token)
        except (TokenNotGenuine, SsoUnavailable) as error:
            # The old refresh token may be dead by now: keep the new one, or the login is lost over our doubts.
            if rotated := grant.refresh_token:
                await insist(lambda: self._profiles.keep_refresh_token(profile, rotated, now))
            else:
                await self._profiles.release(profile)
            report.log.error("Token of character %d was not kept: %s", profile.character_id, error)
            await self._failed(report, "transient")
            return
        if reason := _foreign(profile, identity):
            await self._invalidate(profile, report, reason)
        elif await insist(lambda: self._profiles.keep(profile, grant, now + grant.expires_in, now)):
            report.count("success")
            await report.advance()
        else:
            report.count("elsewhere")

    async def _invalidate(self, profile: Profile, report: Report, reason: str) -> None:
        await self._profiles.invalidate(profile, self._now())
        report.log.warning("Character %d must log in again: %s", profile.character_id, reason)
        await self._failed(report, "invalidated")

    async def _failed(self, report: Report, why: str) -> None:
        report.count("failed")
        report.count(why)
        await report.advance()


def _foreign(profile: Profile, identity: Identity) -> str:
    if identity.character_id != profile.character_id:
        return "the token is another character's"
    if profile.owner_hash and identity.owner_hash != profile.owner_hash:
        return "the character has changed hands"
    return ""
