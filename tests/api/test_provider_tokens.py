"""Tokens of an identity provider: a real key set behind a real server, which rotates, stalls and dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.auth import jwks
from falcon_scheduler.api_facade.auth.jwks import ProviderKeys
from falcon_scheduler.api_facade.auth.tokens import TokenVerifier
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.errors import Unauthenticated, Unavailable
from tests.conftest import wait_until

OURS = "our own secret, which is long enough for HS256"
ISSUER, AUDIENCE = "https://login.example.com", "falcon"


class Provider:
    """Serves its public keys over HTTP, and counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey | Ed25519PrivateKey] = {}
        self.asked = 0
        self.let_go = asyncio.Event()
        """Cleared, it hangs: it takes requests and does not answer."""
        self.let_go.set()
        self.held = 0
        """Requests that hang at present."""
        self._server: asyncio.Server | None = None
        self.url = ""

    async def __aenter__(self) -> Provider:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/jwks"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.die()

    async def die(self) -> None:
        assert self._server
        self.let_go.set()
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        self.held += 1
        await self.let_go.wait()
        self.held -= 1
        body = json.dumps({"keys": [self._public(name, key) for name, key in self.keys.items()]}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    @staticmethod
    def _public(name: str, key: RSAPrivateKey | Ed25519PrivateKey) -> dict[str, Any]:
        if isinstance(key, RSAPrivateKey):
            shape = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            return {**shape, "kid": name, "alg": "RS256", "use": "sig"}
        shape = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key()))
        return {**shape, "kid": name, "alg": "EdDSA", "use": "sig"}

    def token(self, key_id: str, signed_by: str | None = None, **claims: Any) -> str:
        key = self.keys[signed_by or key_id]
        algorithm = "RS256" if isinstance(key, RSAPrivateKey) else "EdDSA"
        expires = datetime.now(UTC) + timedelta(minutes=5)
        standard = {"user_id": "u", "character_id": 7, "iss": ISSUER, "aud": AUDIENCE, "exp": expires}
        return jwt.encode(standard | claims, key, algorithm=algorithm, headers={"kid": key_id})


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        provider.keys = {"rsa": generate_private_key(65537, 2048), "ed": Ed25519PrivateKey.generate()}
        yield provider


@pytest.fixture
def verifier(provider: Provider) -> TokenVerifier:
    return TokenVerifier([OURS], ProviderKeys(provider.url, issuer=ISSUER, audience=AUDIENCE))


@pytest.mark.parametrize("key_id", ["rsa", "ed"])
async def test_the_providers_tokens_are_believed(provider: Provider, verifier: TokenVerifier, key_id: str) -> None:
    claims = await verifier.verify(provider.token(key_id))
    assert (claims.user_id, claims.character_id) == ("u", 7)


async def test_the_provider_cannot_make_super_admins(provider: Provider, verifier: TokenVerifier) -> None:
    assert not (await verifier.verify(provider.token("rsa", super_admin=True))).is_super_admin


async def test_what_the_provider_did_not_say_is_refused(provider: Provider, verifier: TokenVerifier) -> None:
    rsa = provider.keys["rsa"]
    assert isinstance(rsa, RSAPrivateKey)
    public = rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    confused = _hs256_with(public, provider)
    bad = [
        provider.token("rsa", iss="https://evil.example"),
        provider.token("rsa", iss="go-falcon"),
        provider.token("rsa", aud="another"),
        provider.token("rsa", exp=datetime.now(UTC) - timedelta(minutes=1)),
        provider.token("rsa", character_id=0),
        provider.token("ed", signed_by="rsa"),
        confused,
    ]
    for token in bad:
        with pytest.raises(Unauthenticated):
            await verifier.verify(token)


def _hs256_with(public: bytes, provider: Provider) -> str:
    """The old trick: the public key, taken for a shared secret. Signed by hand, since PyJWT won't."""
    import base64
    import hashlib
    import hmac

    def part(value: dict[str, Any]) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    payload = {"user_id": "u", "character_id": 7, "iss": "go-falcon", "exp": 2**33, "super_admin": True}
    signed = part({"alg": "HS256", "kid": "rsa"}) + b"." + part(payload)
    signature = base64.urlsafe_b64encode(hmac.new(public, signed, hashlib.sha256).digest()).rstrip(b"=")
    return (signed + b"." + signature).decode()


async def test_without_a_provider_its_tokens_are_refused(provider: Provider) -> None:
    with pytest.raises(Unauthenticated):
        await TokenVerifier([OURS]).verify(provider.token("rsa"))


async def test_strangers_tokens_do_not_make_us_ask_at_will(provider: Provider, verifier: TokenVerifier) -> None:
    provider.keys["unknown"] = provider.keys["rsa"]
    stranger = provider.token("unknown")
    del provider.keys["unknown"]
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await verifier.verify(stranger)
    assert provider.asked == 1


async def test_many_callers_at_once_ask_once(provider: Provider, verifier: TokenVerifier) -> None:
    await asyncio.gather(*(verifier.verify(provider.token("rsa")) for _ in range(20)))
    assert provider.asked == 1


async def test_a_provider_that_is_away_is_reported_as_such(provider: Provider, verifier: TokenVerifier) -> None:
    token = provider.token("rsa")
    await provider.die()
    with pytest.raises(Unavailable):
        await verifier.verify(token)
    ours = jwt.encode({"user_id": "u", "character_id": 1, "iss": "go-falcon", "exp": 2**33}, OURS, algorithm="HS256")
    assert (await verifier.verify(ours)).character_id == 1, "our own tokens don't need it"


async def test_who_has_a_known_key_waits_for_no_provider(
    provider: Provider, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "KEYS_TTL", timedelta())
    monkeypatch.setattr(jwks, "FETCH_PAUSE", timedelta())
    token = provider.token("rsa")
    await verifier.verify(token)
    provider.let_go.clear()
    answers = await asyncio.gather(*(verifier.verify(token) for _ in range(20)))

    async def is_asked() -> bool:
        return provider.held == 1

    await wait_until(is_asked, "the keys are being renewed in the background, once")
    assert len(answers) == 20, "all were answered, though the provider has not yet"
    assert (await verifier.verify(token)).character_id == 7
    assert provider.held == 1


async def test_who_has_an_unknown_key_waits_once_with_all_others_and_then_nobody_waits(
    provider: Provider, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT", timedelta(seconds=0.3))
    provider.let_go.clear()
    token = provider.token("rsa")
    for _ in range(3):
        outcomes = await asyncio.gather(*(verifier.verify(token) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert provider.asked == 1, "the failure is remembered"


async def test_the_pause_after_a_failure_grows_and_a_provider_that_is_back_is_believed(
    provider: Provider, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT", timedelta(seconds=0.2))
    monkeypatch.setattr(jwks, "FETCH_PAUSE", timedelta(seconds=0.1))
    provider.let_go.clear()
    token, pauses = provider.token("rsa"), []

    async def fails() -> bool:
        with pytest.raises(Unavailable) as refused:
            await verifier.verify(token)
        pauses.append(refused.value.retry_after)
        return provider.asked >= 3

    await wait_until(fails, "it was asked three times")
    assert provider.asked < len(pauses), "most were refused at once"
    provider.let_go.set()

    async def is_believed() -> bool:
        with contextlib.suppress(Unavailable):
            return (await verifier.verify(token)).character_id == 7
        return False

    await wait_until(is_believed, "the provider is back")


async def test_keys_that_the_provider_has_not_confirmed_for_a_day_are_not_believed(
    provider: Provider, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_PAUSE", timedelta())
    token = provider.token("rsa")
    await verifier.verify(token)
    await provider.die()
    assert (await verifier.verify(token)).character_id == 7
    monkeypatch.setattr(jwks, "KEYS_TRUSTED_FOR", timedelta())
    with pytest.raises(Unavailable):
        await verifier.verify(token)


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"keys": []}', b"<html>", b'{"keys": ' + b" " * 2**21 + b"[]}"])
async def test_an_answer_that_is_no_key_set_is_a_failure_and_no_error_of_ours(answer: bytes) -> None:
    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answer)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
    token = jwt.encode({}, generate_private_key(65537, 2048), algorithm="RS256", headers={"kid": "x"})
    async with server:
        with pytest.raises(Unavailable):
            await TokenVerifier([OURS], ProviderKeys(url, issuer=ISSUER)).verify(token)


async def test_callers_whose_key_cannot_be_had_count_in_the_rate_limit(
    provider: Provider, services: Services, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT", timedelta(seconds=0.3))
    provider.let_go.clear()
    api = {"api_rate_limit": 0.1, "jwt_jwks_url": provider.url, "jwt_jwks_issuer": ISSUER}
    limited = replace(settings, api=settings.api.model_copy(update=api))
    app = build_app(compose(limited, services), limited)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        headers = {"Authorization": f"Bearer {provider.token('rsa')}"}
        answers = [(await client.get("/scheduler/executors", headers=headers)).status_code for _ in range(3)]
    assert answers == [503, 429, 429]
