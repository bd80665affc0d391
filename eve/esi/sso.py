"""EVE SSO: trades refresh tokens and verifies what comes back. Never logs or repeats a token.

What an error means is decided here, by the JSON code alone: during downtime SSO answers 4xx with pages too, and a
page must never invalidate a login. Source: eve-modules section 1, errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx

from falcon_scheduler.eve.domain.errors import EveMisconfigured, GrantRejected, SsoUnavailable, TokenNotGenuine
from falcon_scheduler.eve.domain.profile import Grant, Identity
from falcon_scheduler.eve.esi.access_token import AccessTokens, UnknownKey

_METADATA = "/.well-known/oauth-authorization-server"
_DEAD_TOKEN = frozenset({"invalid_grant", "invalid_token"})
_OUR_FAULT = frozenset(
    {
        "invalid_client",
        "invalid_request",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
_REQUEST_SECONDS = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SsoAccess:
    """Who we are to EVE SSO. Checked once, by `open_sso`."""

    url: str
    client_id: str | None
    client_secret: str | None = field(repr=False)
    user_agent: str | None
    request_seconds: float = _REQUEST_SECONDS


class EveSso:
    """An `Sso` over HTTP."""

    def __init__(self, http: httpx.AsyncClient, url: str, client_id: str, client_secret: str) -> None:
        self._http = http
        self._url = url
        self._client_id = client_id
        self._basic = httpx.BasicAuth(client_id, client_secret)
        self._token_endpoint = ""
        self._keys_address = ""
        self._tokens: AccessTokens | None = None

    async def prepare(self) -> None:
        metadata = await self._get(_METADATA)
        self._token_endpoint = self._own(metadata, "token_endpoint")
        self._keys_address = self._own(metadata, "jwks_uri")
        await self._fetch_keys()

    async def exchange(self, refresh_token: str) -> Grant:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            response = await self._http.post(self._token_endpoint, data=form, auth=self._basic)
        except httpx.HTTPError as error:
            raise SsoUnavailable(f"the token request failed ({type(error).__name__})") from None
        body = _json(response)
        if response.status_code == 200:
            return _grant(body)
        code = str(body.get("error", ""))
        if response.status_code == 400 and code in _DEAD_TOKEN:
            raise GrantRejected(code)
        if response.status_code in (400, 401) and code in _OUR_FAULT:
            raise EveMisconfigured(
                f"EVE SSO does not accept this application ({code}): "
                "check EVE_CLIENT_ID and EVE_CLIENT_SECRET against the application's page at developers.eveonline.com"
            )
        raise SsoUnavailable(f"it answered {response.status_code} to a token request")

    async def identify(self, access_token: str) -> Identity:
        if self._tokens is None:
            await self.prepare()
        for fetch_again in (True, False):
            try:
                assert self._tokens is not None  # noqa: S101 - `prepare` sets it or raises
                return self._tokens.verify(access_token)
            except UnknownKey:
                if fetch_again:
                    await self._fetch_keys()
        raise TokenNotGenuine("it is signed with a key that EVE SSO does not publish")

    async def _fetch_keys(self) -> None:
        keys = await self._get(self._keys_address)
        try:
            self._tokens = AccessTokens(keys, self._url, self._client_id)
        except ValueError as error:
            raise SsoUnavailable(f"its signing keys hold {error}") from error

    async def _get(self, address: str) -> dict[str, Any]:
        try:
            response = await self._http.get(address)
        except httpx.HTTPError as error:
            raise SsoUnavailable(f"its metadata could not be had ({type(error).__name__})") from error
        body = _json(response)
        if response.status_code != 200 or not body:
            raise SsoUnavailable(f"it answered {response.status_code} to a request for its metadata")
        return body

    def _own(self, metadata: dict[str, Any], name: str) -> str:
        """An endpoint out of the metadata. Our secret and the tokens go there, so it must be SSO's own."""
        address = str(metadata.get(name, ""))
        ours, theirs = urlsplit(self._url), urlsplit(address)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise SsoUnavailable(f"its metadata names no {name} of its own")
        return address


@asynccontextmanager
async def open_sso(access: SsoAccess) -> AsyncIterator[EveSso]:
    """EVE SSO for one run.

    Raises:
        EveMisconfigured: no client id or secret; or the address would carry them in the clear.
    """
    missing = [
        name
        for name, value in (("EVE_CLIENT_ID", access.client_id), ("EVE_CLIENT_SECRET", access.client_secret))
        if not value
    ]
    if missing or not access.client_id or not access.client_secret:
        raise EveMisconfigured(
            f"EVE tokens cannot be refreshed: set {' and '.join(missing)} to those of your application at "
            "developers.eveonline.com"
        )
    parts = urlsplit(access.url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise EveMisconfigured("EVE_SSO_URL must start with https://, since tokens and the client secret go there")
    headers = {"User-Agent": access.user_agent or "falcon-scheduler", "Accept": "application/json"}
    async with httpx.AsyncClient(
        http2=True, base_url=access.url, headers=headers, timeout=access.request_seconds, follow_redirects=False
    ) as http:
        yield EveSso(http, access.url, access.client_id, access.client_secret)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _grant(body: dict[str, Any]) -> Grant:
    access, refresh, expires = body.get("access_token"), body.get("refresh_token"), body.get("expires_in")
    if not isinstance(access, str) or not access or not isinstance(expires, int | float):
        raise SsoUnavailable("its answer to a token request holds no token")
    kept = refresh if isinstance(refresh, str) and refresh else None
    return Grant(access_token=access, refresh_token=kept, expires_in=timedelta(seconds=expires))
