"""The config of an http task. Independent of how the request is sent.

Source: scheduler API, "HTTP Tasks"; the fields from `query` on are ours.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from falcon_scheduler.core.domain.references import REFERENCE
from falcon_scheduler.core.errors import Fault
from falcon_scheduler.flows.executors.http.assertions import Contains, JsonPathEquals
from falcon_scheduler.flows.executors.http.codes import StatusCode, StatusCodes
from falcon_scheduler.flows.executors.http.values import Address, BlockName, Headers, Method, Query, Timeout


def _no_user_info(value: str) -> str:
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not hold a user or password; give them as proxy_auth")
    return value


class Part(BaseModel):
    """A part of an http task, or of a run: JSON types are not converted, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BasicAuth(Part):
    """User name and password; a Secret block contains the password."""

    type: Literal["basic"]
    username: Annotated[str, Field(min_length=1, pattern=r"^[^:\x00-\x1f]+$")]
    secret_block: BlockName


class BearerAuth(Part):
    """A token; a Secret block contains it."""

    type: Literal["bearer"]
    secret_block: BlockName


class ClientCertificate(Part):
    """Sent to the server; a Secret block contains chain and unencrypted key, in PEM."""

    secret_block: BlockName


class HttpConfig(Part):
    """Config of an http task. Any text may hold `{{ prefect.blocks.secret.NAME }}`."""

    url: Address
    method: Method = "GET"
    headers: Headers = Field(default_factory=dict)
    body: Annotated[JsonValue, Field(description="Text is sent as it is, anything else as JSON")] = None
    expected_code: Annotated[StatusCode, Field(description="The status that means success")] = 200
    timeout: Annotated[Timeout, Field(description="Bounds the whole exchange")] = timedelta(seconds=30)
    follow_redirect: bool = True
    validate_ssl: bool = True
    query: Annotated[Query, Field(description="Added to the url's query")] = Field(default_factory=dict)
    expected_codes: Annotated[StatusCodes | None, Field(description="In place of expected_code")] = None
    retry_codes: Annotated[
        StatusCodes | None, Field(description="Statuses worth another attempt; default 408, 425, 429, 500-599")
    ] = None
    auth: Annotated[BasicAuth | BearerAuth, Field(discriminator="type")] | None = None
    assertions: Annotated[
        list[Annotated[Contains | JsonPathEquals, Field(discriminator="type")]], Field(max_length=50)
    ] = Field(default_factory=list)
    proxy: Annotated[Address, AfterValidator(_no_user_info)] | None = None
    proxy_auth: BasicAuth | None = None
    client_certificate: ClientCertificate | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.expected_codes is not None and "expected_code" in self.model_fields_set:
            raise ValueError("give expected_code or expected_codes, not both")
        if self.auth and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("give auth or an Authorization header, not both")
        if self.proxy_auth and not self.proxy:
            raise ValueError("proxy_auth needs a proxy")
        return self

    @property
    def expected(self) -> StatusCodes:
        """Statuses that mean success."""
        return self.expected_codes or StatusCodes.only(self.expected_code)


def doubled_credentials(config: HttpConfig) -> list[Fault]:
    """Faults of a new config with two credentials: httpx would silently use those in the address.

    A stored config is sent as before.
    """
    in_address = "@" in urlsplit(REFERENCE.sub("reference", config.url)).netloc
    if in_address and (config.auth or any(name.lower() == "authorization" for name in config.headers)):
        return [Fault("config.url", "holds a user, and there are auth or an Authorization header: give one of them")]
    return []
