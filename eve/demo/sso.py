"""The SSO half of the demo server: metadata, keys, and refresh tokens that rotate. Its key is new at each start.

A refresh token reads `demo-refresh-<character id>-<generation>`; with rotation on, each use gives the next generation
and kills the ones before. A new server has no generations, and accepts the first one that it gets.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from falcon_scheduler.eve.demo.esi import CutResponse, Demo
from falcon_scheduler.eve.demo.faults import Fault, Kind
from falcon_scheduler.eve.demo.universe import character_name

CLIENT_ID = "demo-client"
CLIENT_SECRET = "demo-secret"  # noqa: S105 - the demo server's own, good for nothing else
TOKEN_ROUTE = "/v2/oauth/token"  # noqa: S105 - a path
KEYS_ROUTE = "/oauth/jwks"
METADATA_ROUTE = "/.well-known/oauth-authorization-server"
_KEY_ID = "demo-key"
_REVOKED = "demo-revoked-"
_PREFIX = "demo-refresh-"


def refresh_token(character_id: int, generation: int = 0) -> str:
    """A refresh token that the server takes."""
    return f"{_PREFIX}{character_id}-{generation}"


def revoked_token(character_id: int) -> str:
    """A refresh token that it refuses."""
    return f"{_REVOKED}{character_id}"


def owner_hash(character_id: int, *, transferred: bool = False) -> str:
    """The mark of the account that owns a character."""
    return f"demo-owner-{character_id}{'-next' if transferred else ''}"


class DemoSso:
    """The three routes."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.generations: dict[int, int] = {}
        self.uses: dict[str, int] = {}
        """How often each refresh token was sent: more than once is a fault of the client's."""

    async def metadata(self, request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        body = {
            "issuer": base,
            "authorization_endpoint": f"{base}/v2/oauth/authorize",
            "token_endpoint": base + TOKEN_ROUTE,
            "jwks_uri": base + KEYS_ROUTE,
            "revocation_endpoint": f"{base}/v2/oauth/revoke",
        }
        return await self._told(request, METADATA_ROUTE, JSONResponse(body))

    async def keys(self, request: Request) -> Response:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        key = public | {"kid": _KEY_ID, "alg": "RS256", "use": "sig"}
        return await self._told(request, KEYS_ROUTE, JSONResponse({"keys": [key], "SkipUnresolvedJsonWebKeys": True}))

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        return await self._told(request, TOKEN_ROUTE, None, form)

    async def _told(
        self, request: Request, route: str, answer: Response | None, form: dict[str, str] | None = None
    ) -> Response:
        self._demo.arrivals.append((time.monotonic(), route))
        fault = self._demo.faults.of(route)
        if fault is not None and fault.kind is Kind.SLOW:
            await asyncio.sleep(fault.seconds)
            fault = None
        response = _faulty(fault) if fault else answer or self._exchange(request, form or {})
        self._demo.requests[f"{request.method} {route} {response.status_code}"] += 1
        return response

    def _exchange(self, request: Request, form: dict[str, str]) -> Response:
        faults = self._demo.sso
        if faults.client_error is not None:
            status, code = faults.client_error
            return _error(status, code)
        if not _is_client(request.headers.get("authorization", "")):
            return _error(401, "invalid_client")
        if form.get("grant_type") != "refresh_token" or not form.get("refresh_token"):
            return _error(400, "invalid_request")
        sent = form["refresh_token"]
        self.uses[sent] = self.uses.get(sent, 0) + 1
        number, _, generation = sent.removeprefix(_PREFIX).partition("-")
        if not sent.startswith(_PREFIX) or not number.isdecimal() or not generation.isdecimal():
            return _error(400, faults.dead_token_error)
        return self._granted(int(number), int(generation))

    def _granted(self, character_id: int, generation: int) -> Response:
        faults = self._demo.sso
        if character_id in faults.revoked or generation < self.generations.get(character_id, generation):
            return _error(400, faults.dead_token_error)
        if faults.rotate:
            generation += 1
        self.generations[character_id] = generation
        body: dict[str, Any] = {
            "access_token": self._access_token(character_id, "demo-client"),
            "token_type": "Bearer",
            "expires_in": faults.expires_in_seconds,
        }
        if faults.send_refresh_token:
            body["refresh_token"] = refresh_token(character_id, generation)
        return JSONResponse(body)

    def _access_token(self, character_id: int, client_id: str) -> str:
        faults = self._demo.sso
        now = int(datetime.now(UTC).timestamp()) - (7200 if faults.expired else 0)
        subject = faults.impostors.get(character_id, character_id)
        claims: dict[str, Any] = {
            "iss": "https://login.invalid" if faults.wrong_issuer else self.issuer,
            "sub": f"CHARACTER:EVE:{subject}",
            "aud": ["another-client" if faults.wrong_audience else client_id, "EVE Online"],
            "azp": client_id,
            "name": character_name(subject),
            "owner": owner_hash(character_id, transferred=character_id in faults.transferred),
            "iat": now,
            "exp": now + faults.expires_in_seconds,
            "tenant": "tranquility",
        }
        if faults.scopes is not None:
            claims["scp"] = faults.scopes
        key = self._other_key if faults.wrong_signature else self._key
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": _KEY_ID})

    issuer: str = ""
    """Our own address, known once we listen."""


def _is_client(authorization: str) -> bool:
    scheme, _, value = authorization.partition(" ")
    try:
        return scheme == "Basic" and base64.b64decode(value).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
    except (binascii.Error, UnicodeDecodeError):
        return False


def _error(status: int, code: str) -> Response:
    return JSONResponse({"error": code, "error_description": "a demo error"}, status)


def _faulty(fault: Fault) -> Response:
    if fault.kind is Kind.CUT:
        return CutResponse()
    if fault.kind is Kind.GARBAGE:
        return JSONResponse({"nothing": "of use"})
    return HTMLResponse("<h1>Down for maintenance</h1>", fault.status, headers=fault.headers)
