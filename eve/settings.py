"""The variables of the EVE tasks."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from falcon_scheduler.adapters.settings import Group, checks
from falcon_scheduler.adapters.settings.checks import WebAddress


class EsiSettings(Group):
    """EVE Swagger Interface: what the system tasks read from."""

    model_config = SettingsConfigDict(env_prefix="ESI_")

    base_url: WebAddress = "https://esi.evetech.net"
    user_agent: Annotated[str, AfterValidator(checks.header_text)] | None = None
    """`App/1.2.3 (mail@example.com; +https://repo)`; without it ESI tasks refuse to run.
    Source: ESI best practices."""
    compatibility_date: date = date(2025, 12, 16)
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 20.0
    """Pace towards ESI of all processes that share a Redis."""


class EveSettings(Group):
    """EVE SSO, for the refresh of tokens."""

    model_config = SettingsConfigDict(env_prefix="EVE_")

    client_id: str | None = None
    client_secret: SecretStr | None = None
    sso_url: WebAddress = "https://login.eveonline.com"
    token_key: Annotated[SecretStr, AfterValidator(checks.fernet_key)] | None = None
    """Fernet key under which EVE tokens are kept in MongoDB."""
