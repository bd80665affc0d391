"""Joins what callers are recognised by."""

from __future__ import annotations

from falcon_scheduler.adapters.settings import ApiSettings
from falcon_scheduler.api_facade.auth.authenticator import Authenticator, GrantSource
from falcon_scheduler.api_facade.auth.jwks import ProviderKeys
from falcon_scheduler.api_facade.auth.tokens import TokenVerifier


def make_authenticator(settings: ApiSettings, source: GrantSource) -> Authenticator:
    """Believe what the settings say is to be believed."""
    provider = None
    if settings.jwt_jwks_url and settings.jwt_jwks_issuer:
        provider = ProviderKeys(
            settings.jwt_jwks_url, issuer=settings.jwt_jwks_issuer, audience=settings.jwt_jwks_audience
        )
    return Authenticator(
        TokenVerifier(keys_of(settings), provider), source, reading_is_granted=settings.api_read_permission
    )


def keys_of(settings: ApiSettings) -> list[str]:
    """Our own keys: the present one, then the previous."""
    return [key.get_secret_value() for key in (settings.jwt_secret, settings.jwt_secret_previous) if key]
