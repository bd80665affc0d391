"""Executes http tasks: sends the request, judges the answer, and reports both without secrets."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from falcon_scheduler.adapters.http.errors import AnswerBroken, HttpFailed, NoAnswerInTime, NotConnected
from falcon_scheduler.adapters.http.exchange import Exchange, Partial, Phase
from falcon_scheduler.adapters.http.sender import HttpAnswer, HttpSender
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.redaction import Redactor
from falcon_scheduler.core.domain.references import reference_faults
from falcon_scheduler.core.domain.work import OUTPUT_LIMIT_BYTES, TaskResult, WorkContext, leave_known
from falcon_scheduler.core.errors import Fault, Invalid, SchedulerError
from falcon_scheduler.core.ports import SecretReader
from falcon_scheduler.flows.executors.catalog import CatalogEntry, described
from falcon_scheduler.flows.executors.faults import faults_of
from falcon_scheduler.flows.executors.http.assertions import JsonDocument
from falcon_scheduler.flows.executors.http.config import HttpConfig, doubled_credentials
from falcon_scheduler.flows.executors.http.parameters import HttpParameters, clashes, laid_over, reserved_headers
from falcon_scheduler.flows.executors.http.request import request_of
from falcon_scheduler.flows.executors.numbers import with_whole_numbers
from falcon_scheduler.flows.executors.outcome import raised, refused, without_secrets
from falcon_scheduler.flows.executors.secrets import AttemptSecrets

_LONGEST_WAIT = timedelta(hours=1)  # the longest pause between attempts
_LONGEST_ENCODING = 100
_NAMED_PHASES = {Phase.SEND, Phase.HEAD, Phase.BODY}
"""Phases that the text of an error does not contain."""
_WORTH_REPEATING = {408, 425, 429}  # Source: RFC 9110 and 8470, RFC 6585: "not now", rather than "never"
_CHARSETS = re.compile(r"utf-?(8|16|32)|ascii|iso8859|cp\d|latin|koi8|shift_jis|euc|gb|big5|mac", re.IGNORECASE)


class HttpExecutor:
    """Sends one HTTP request and judges the answer by its status and its body."""

    def __init__(self, sender: HttpSender, secrets: SecretReader) -> None:
        self._sender = sender
        self._secrets = secrets

    def entry(self) -> CatalogEntry:
        """Its entry in the catalog."""
        return CatalogEntry(
            type="http",
            name="http",
            kind="http",
            description=described(self),
            isolation="shared",
            schema=HttpConfig.model_json_schema(),
        )

    def faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any] | None) -> list[Fault]:
        """The faults of a config, or of a run's own parameters."""
        try:
            read = _read(config, parameters or {})
        except Invalid as error:
            return list(error.faults)
        return doubled_credentials(read) if parameters is None else []

    def reserved_faults(self, config: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Fault]:
        """See `core.ports.ExecutorCatalog.reserved_faults`."""
        return reserved_headers(parameters)

    async def execute(self, context: WorkContext) -> TaskResult:
        """Send the request and judge the answer."""
        secrets = AttemptSecrets(self._secrets, context.config, context.parameters)
        made: list[str] = []
        exchange = Exchange()
        try:
            config = _read(context.config, context.parameters)
            request, made = await request_of(config, context, secrets)
            answer = await self._sender.send(request, exchange)
        except asyncio.CancelledError as interruption:
            redactor = secrets.redactor(*made)
            known = _broken_off("Cut off", exchange.so_far(), redactor)
            leave_known(interruption, without_secrets(known, redactor))
            raise
        except Invalid as error:
            return without_secrets(refused(list(error.faults)), secrets.redactor())
        except HttpFailed as error:
            redactor = secrets.redactor(*made)
            return without_secrets(_failed(error, redactor), redactor)
        except SchedulerError as error:
            retryable = getattr(error, "retryable", True)
            return without_secrets(
                TaskResult(success=False, error=str(error), retryable=retryable), secrets.redactor(*made)
            )
        except Exception as error:  # noqa: BLE001 - an exception that escapes could contain a secret in its text
            return raised(error, context, secrets.redactor(*made))
        redactor = secrets.redactor(*made)
        context.log.info("%s", redactor.text(f"{request.method} {answer.final_url}: {_status(answer)}"))
        return without_secrets(_judged(answer, config, redactor), redactor)


def _read(config: Mapping[str, Any], parameters: Mapping[str, Any]) -> HttpConfig:
    faults = [*reference_faults(config, "config"), *reference_faults(parameters, "parameters")]
    read: dict[str, Any] = {}
    for model, values, location in (
        (HttpConfig, config, "config"),
        (HttpParameters, parameters, "parameters"),
    ):
        try:
            read[location] = with_whole_numbers(model.model_validate, values)
        except ValidationError as error:
            faults.extend(faults_of(error, values, location))
    if not faults:
        faults = clashes(read["config"], read["parameters"])
    if faults:
        raise Invalid(faults)
    return laid_over(read["config"], read["parameters"])


def _failed(error: HttpFailed, redactor: Redactor) -> TaskResult:
    """The result of an exchange without a complete answer."""
    known = error.partial
    broken_off = isinstance(error, AnswerBroken | NotConnected) and known is not None and known.phase in _NAMED_PHASES
    if known is None or not (broken_off or isinstance(error, NoAnswerInTime)):
        return TaskResult(success=False, error=str(error), retryable=error.retryable)
    return replace(_broken_off(str(error), known, redactor), retryable=error.retryable)


def _broken_off(error: str, known: Partial, redactor: Redactor) -> TaskResult:
    """All that is known of an interrupted exchange."""
    detail: dict[str, Any] = {
        "phase": str(known.phase),
        "bytes_received": known.received_bytes,
        "response_size": min(len(known.content), OUTPUT_LIMIT_BYTES),
        "response_time": format_duration(known.elapsed),
        "redirects": known.redirects,
    }
    where = f"in phase {known.phase}"
    output = ""
    if known.status_code is not None:
        where += f", after status {known.status_code} and {known.received_bytes} bytes of the body"
        detail |= {"status_code": known.status_code, "truncated": True}
        output = _cut(_text(known.content, known.headers), redactor, truncated=True)
    return TaskResult(success=False, output=output, error=f"{error} ({where})", detail=detail)


def _judged(answer: HttpAnswer, config: HttpConfig, redactor: Redactor) -> TaskResult:
    text = _text(answer.body.content, answer.headers, answer.body.encoding)
    output = _cut(text, redactor, truncated=answer.body.truncated)
    detail: dict[str, Any] = {
        "status_code": answer.status_code,
        "response_size": min(len(answer.body.content), OUTPUT_LIMIT_BYTES),
        "response_time": format_duration(answer.elapsed),
        "truncated": answer.body.truncated or len(answer.body.content) > OUTPUT_LIMIT_BYTES,
        "redirects": answer.redirects,
    }
    if answer.body.encoding:
        detail["content_encoding"] = answer.body.encoding[:_LONGEST_ENCODING]
    if answer.status_code not in config.expected:
        wait = _retry_after(answer)
        return TaskResult(
            success=False,
            output=output,
            error=f"Expected status {config.expected}, got {_status(answer)}",
            retryable=_worth_repeating(answer.status_code, config),
            detail={**detail, "retry_after": format_duration(wait)} if wait else detail,
            retry_after=wait,
        )
    document = JsonDocument(text, truncated=answer.body.truncated)
    failures = [why for each in config.assertions if (why := each.failure(text, document))]
    error = f"Assertion failed: {'; '.join(failures)}" if failures else ""
    return TaskResult(success=not failures, output=output, error=error, detail=detail)


def _worth_repeating(code: int, config: HttpConfig) -> bool:
    """Whether another attempt may get another status: by default every status that does not blame the request."""
    if config.retry_codes is not None:
        return code in config.retry_codes
    return code in _WORTH_REPEATING or not 400 <= code < 500


def _retry_after(answer: HttpAnswer) -> timedelta | None:
    """The pause that the server requests. Source: RFC 9110, "Retry-After": seconds or a date."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal() and text.isascii():
        return min(timedelta(seconds=min(int(text[:9]), 10**6)), _LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(at - datetime.now(UTC), timedelta()), _LONGEST_WAIT)


def _status(answer: HttpAnswer) -> str:
    """Code and its usual name. The server's own reason phrase may contain any text, so it is not repeated."""
    try:
        return f"{answer.status_code} {HTTPStatus(answer.status_code).phrase}"
    except ValueError:
        return str(answer.status_code)


def _text(content: bytes, headers: Mapping[str, str], encoding: str = "") -> str:
    if encoding:  # a secret in packed bytes can't be found
        return f"[{len(content)} bytes, encoded as {encoding[:_LONGEST_ENCODING]}]"
    charset = headers.get("content-type", "").partition("charset=")[2].split(";")[0].strip(" \"'")
    try:
        name = codecs.lookup(charset).name if charset else "utf-8"
    except (LookupError, ValueError):
        name = "utf-8"
    # Python has codecs (punycode, idna) that take quadratic time, and some that are no charsets at all.
    text = content.decode(name if _CHARSETS.match(name) else "utf-8", "replace")
    if "\x00" in text:
        kind = urlsplit(headers.get("content-type", "").split(";")[0]).path or "data"
        return f"[{len(content)} bytes of {kind[:100]}, not text]"
    return text


def _cut(text: str, redactor: Redactor, *, truncated: bool) -> str:
    """At most the limit, without the part of a secret that the cut went through."""
    cleaned = redactor.text(text)
    if truncated and redactor.longest:
        cleaned = cleaned[: -redactor.longest]
    return cleaned.encode("utf-8", "replace")[:OUTPUT_LIMIT_BYTES].decode(errors="ignore")
