"""Verifies EVE's access tokens: issuer, audience and character.

Source: esi-docs, SSO: RS256 by the published keys, `aud` holds our client id and "EVE Online", `sub` is
`CHARACTER:EVE:<id>`, `scp` is a text for one scope, a list for several, absent for none.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import jwt

from falcon_scheduler.eve.domain.errors import TokenNotGenuine
from falcon_scheduler.eve.domain.profile import Identity

_AUDIENCE = "EVE Online"
_SUBJECT = "CHARACTER:EVE:"
_LEEWAY_SECONDS = 30
"""Clocks differ a little."""


class UnknownKey(Exception):
    """The token names a key that is not among those we have; they may have been changed since."""


class AccessTokens:
    """Verifies tokens against a set of published keys."""

    def __init__(self, keys: dict[str, Any], issuer_url: str, client_id: str) -> None:
        """`keys` is a JSON Web Key Set.

        Raises:
            ValueError: it holds no usable key.
        """
        try:
            self._keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys).keys if key.key_type == "RSA"}
        except (jwt.PyJWKSetError, jwt.InvalidKeyError, KeyError, AttributeError, TypeError) as error:
            raise ValueError("no usable signing key") from error
        if not self._keys:
            raise ValueError("no usable signing key")
        # All three forms are in use by EVE. Source: esi-docs, SSO.
        self._issuers = [issuer_url, f"{issuer_url}/", urlsplit(issuer_url).netloc]
        self._client_id = client_id

    def verify(self, token: str) -> Identity:
        """Whose token it is.

        Raises:
            UnknownKey: fetch the keys again.
            TokenNotGenuine: it is not to be trusted; the reason holds nothing of the token.
        """
        try:
            key = self._keys.get(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise UnknownKey
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=_AUDIENCE,
                issuer=self._issuers,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise TokenNotGenuine(type(error).__name__) from error
        return self._identity(claims)

    def _identity(self, claims: dict[str, Any]) -> Identity:
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if self._client_id not in audience:
            raise TokenNotGenuine("it was made for another application")
        subject = str(claims["sub"])
        number = subject.removeprefix(_SUBJECT)
        if number == subject or not (number.isascii() and number.isdecimal()):
            raise TokenNotGenuine("its subject is no character")
        scopes = claims.get("scp") or ()
        return Identity(
            character_id=int(number),
            owner_hash=str(claims.get("owner", "")),
            scopes=(scopes,) if isinstance(scopes, str) else tuple(scopes),
        )
