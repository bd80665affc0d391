"""Why a request failed, as errors of our own; no exception of httpx or httpcore leaves this folder.

    HttpFailed
    ├── AddressRefused        the guard does not permit the address
    ├── NotSendable           the request itself is wrong
    ├── NameUnknown           the host's name does not resolve
    ├── NotConnected          nothing listens there, or the connection broke
    ├── CertificateRefused    TLS: the server's certificate does not verify
    ├── NoAnswerInTime
    ├── AnswerBroken          what came is not HTTP, or ended early
    ├── EncodingUnknown       the body is compressed in a way that we do not read
    ├── RedirectedTooOften
    ├── RedirectRefused       following it would hand a secret to another site
    └── ProxyFailed

Messages name the host of the task's own address at most, never the address it resolves to, a header or a query.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import httpx

from falcon_scheduler.core.errors import SchedulerError

if TYPE_CHECKING:
    from falcon_scheduler.adapters.http.exchange import Partial


class HttpFailed(SchedulerError):
    """There is no complete answer. `retryable`: whether another attempt may succeed."""

    code = "http_failed"
    retryable: ClassVar[bool] = True
    partial: Partial | None = None
    """What was received before the failure, if the exchange had begun."""


class AddressRefused(HttpFailed):
    """The host is, or resolves to, a private address; `SCHEDULER_HTTP_ALLOW` can permit it."""

    code = "http_address_refused"
    retryable = False

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"{host}:{port} is not a public address, so tasks may not call it"
            " (whoever runs the scheduler can allow it with SCHEDULER_HTTP_ALLOW)"
        )


class NotSendable(HttpFailed):
    """The request can't be put on the wire: address, header or method."""

    code = "http_not_sendable"
    retryable = False


class NameUnknown(HttpFailed):
    """DNS has no address of the host, or did not answer."""

    code = "http_name_unknown"

    def __init__(self, host: str) -> None:
        super().__init__(f"The name {host} does not resolve")


class NotConnected(HttpFailed):
    """The connection was refused, broke, or was never made."""

    code = "http_not_connected"


class CertificateRefused(HttpFailed):
    """The certificate does not verify, or TLS fails otherwise. A retry would fail the same way."""

    code = "http_certificate_refused"
    retryable = False


class NoAnswerInTime(HttpFailed):
    """The answer was not complete at the timeout."""

    code = "http_no_answer_in_time"


class AnswerBroken(HttpFailed):
    """Not HTTP, shorter than announced, or compressed wrongly."""

    code = "http_answer_broken"


class EncodingUnknown(HttpFailed):
    """The server used a compression that was not requested."""

    code = "http_encoding_unknown"
    retryable = False


class RedirectedTooOften(HttpFailed):
    """More hops than anybody needs."""

    code = "http_redirected_too_often"
    retryable = False


class RedirectRefused(HttpFailed):
    """Following the redirect would send a body that holds a secret to another site."""

    code = "http_redirect_refused"
    retryable = False


class ProxyFailed(HttpFailed):
    """The proxy refused to connect us, or failed to."""

    code = "http_proxy_failed"


@contextmanager
def translated() -> Iterator[None]:
    """Turn httpx's exceptions into ours, most specific first. Their texts are dropped: they may quote the request."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise NoAnswerInTime("No answer in time") from error
    except httpx.ProxyError as error:
        raise ProxyFailed("The proxy refused the connection or failed to make it") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError, httpx.CookieConflict) as error:
        raise NotSendable("The address, a header or the body can't be sent over HTTP") from error
    except httpx.ConnectError as error:
        raise _of_connection(error) from error
    except (httpx.RemoteProtocolError, httpx.DecodingError) as error:
        raise AnswerBroken("The answer is not valid HTTP or ended early") from error
    except httpx.TooManyRedirects as error:
        raise RedirectedTooOften("Redirected too often") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise NotConnected("The connection broke before the answer was complete") from error


def _of_connection(error: httpx.ConnectError) -> HttpFailed:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(f"The certificate does not verify: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return CertificateRefused(f"TLS failed: {(cause.reason or 'unknown reason').replace('_', ' ').lower()}")
        if isinstance(cause, ConnectionRefusedError):
            return NotConnected("The connection was refused: nothing listens there")
        if isinstance(cause, socket.gaierror):
            return NotConnected("The host's name does not resolve")
    return NotConnected("No connection could be made")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those behind it, innermost last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
