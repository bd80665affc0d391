"""Makes the request of one attempt from its config: fills secrets in, adds the query, encodes the body."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

from pydantic import JsonValue

from falcon_scheduler.adapters.http.sender import HttpRequest, Proxy
from falcon_scheduler.adapters.http.tls import Tls
from falcon_scheduler.core.domain.redaction import is_secret_name
from falcon_scheduler.core.domain.references import has_reference
from falcon_scheduler.core.domain.work import OUTPUT_LIMIT_BYTES, WorkContext
from falcon_scheduler.flows.executors.http.config import BasicAuth, BearerAuth, HttpConfig
from falcon_scheduler.flows.executors.http.values import Query
from falcon_scheduler.flows.executors.secrets import AttemptSecrets

_MOST_OVERLAP_BYTES = 64 * 1024


async def request_of(
    config: HttpConfig, context: WorkContext, secrets: AttemptSecrets
) -> tuple[HttpRequest, list[str]]:
    """The request, and the secrets that were derived for it (such as an encoded password).

    Raises:
        SecretMissing, Unavailable: a reference can't be filled.
    """
    url = await secrets.fill(config.url, _percent_encoded)
    url = _with_query(url, await secrets.fill_value(config.query))
    # Space around a value is no part of it (RFC 9110, "Field Values"), and h11 refuses to send it.
    headers = {name: (await secrets.fill(text)).strip(" \t") for name, text in config.headers.items()}
    made = [text.strip() for name, text in headers.items() if is_secret_name(name)]
    made += [text.rpartition(" ")[2] for text in made]
    authorization = await _authorization(config.auth, secrets)
    if authorization:
        made += [authorization, authorization.rpartition(" ")[2]]
        headers["Authorization"] = authorization
    body = await secrets.fill_value(config.body)
    if body is not None and not isinstance(body, str) and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    made += _in_query(url)
    overlap = min(4 * secrets.redactor(*made).longest, _MOST_OVERLAP_BYTES)
    request = HttpRequest(
        method=config.method,
        url=url,
        headers={**headers, **_own_headers(context)},
        content=_encoded(body),
        timeout=config.timeout,
        body_limit_bytes=OUTPUT_LIMIT_BYTES + overlap,
        follow_redirects=config.follow_redirect,
        content_is_secret=has_reference(config.body),
        tls=Tls(verify=config.validate_ssl, client_certificate=await _certificate(config, secrets)),
        proxy=await _proxy(config, secrets),
    )
    return request, made


def _own_headers(context: WorkContext) -> dict[str, str]:
    """Headers by which the server can recognise a repeated or a late request."""
    return {
        "X-Scheduler-Task-Id": context.task_id,
        "X-Scheduler-Execution-Id": context.execution_id,
        "X-Scheduler-Attempt": str(context.attempt),
        "X-Scheduler-Fencing-Token": str(context.fencing_token),
    }


async def _authorization(auth: BasicAuth | BearerAuth | None, secrets: AttemptSecrets) -> str:
    if auth is None:
        return ""
    secret = await secrets.read(auth.secret_block)
    if isinstance(auth, BearerAuth):
        return f"Bearer {secret}"
    pair = f"{auth.username}:{secret}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def _certificate(config: HttpConfig, secrets: AttemptSecrets) -> str:
    return await secrets.read(config.client_certificate.secret_block) if config.client_certificate else ""


async def _proxy(config: HttpConfig, secrets: AttemptSecrets) -> Proxy | None:
    if config.proxy is None:
        return None
    url = await secrets.fill(config.proxy, _percent_encoded)
    if config.proxy_auth is None:
        return Proxy(url=url)
    password = await secrets.read(config.proxy_auth.secret_block)
    return Proxy(url=url, user=config.proxy_auth.username, password=password)


def _encoded(body: JsonValue) -> bytes:
    if body is None:
        return b""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def _percent_encoded(text: str) -> str:
    return quote(text, safe="")


def _with_query(url: str, query: Query) -> str:
    """The address with additional query parameters; the existing ones stay exactly as they are."""
    pairs = [
        f"{quote(name, safe='')}={quote(_plain(value), safe='')}"
        for name, given in query.items()
        for value in (given if isinstance(given, list) else [given])
    ]
    if not pairs:
        return url
    address, hash_, fragment = url.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{'&'.join(pairs)}{hash_}{fragment}"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_query(url: str) -> Iterator[str]:
    """Values of the query behind a secret's name."""
    for name, value in parse_qsl(urlsplit(url).query):
        if is_secret_name(name):
            yield value
