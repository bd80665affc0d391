"""Why a request came to nothing, in our own words; no exception of httpx or httpcore leaves this folder.

    HttpFailed
    ├── AddressRefused        the guard does not let us go there
    ├── NotSendable           the request itself is wrong
    ├── NameUnknown           the host's name does not resolve
    ├── NotConnected          nobody answers there, or the connection broke
    ├── CertificateRefused    TLS: the other side's certificate does not verify
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
    """No answer that could be judged. `retryable` says whether trying again later may help."""

    code = "http_failed"
    retryable: ClassVar[bool] = True
    partial: Partial | None = None
    """What was known of the exchange by then, if it was begun."""


class AddressRefused(HttpFailed):
    """The host is, or resolves to, an address inside; `SCHEDULER_HTTP_ALLOW` may let tasks go there."""

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
    """DNS knows no address of the host, or gave no answer."""

    code = "http_name_unknown"

    def __init__(self, host: str) -> None:
        super().__init__(f"The name {host} does not resolve")


class NotConnected(HttpFailed):
    """The connection was refused, broke, or never stood."""

    code = "http_not_connected"


class CertificateRefused(HttpFailed):
    """The certificate does not verify, or TLS fails otherwise. Trying again would find the same."""

    code = "http_certificate_refused"
    retryable = False


class NoAnswerInTime(HttpFailed):
    """The answer was not complete when the time was up."""

    code = "http_no_answer_in_time"


class AnswerBroken(HttpFailed):
    """Not HTTP, shorter than announced, or compressed wrongly."""

    code = "http_answer_broken"


class EncodingUnknown(HttpFailed):
    """The other side compresses in a way that was not asked for."""

    code = "http_encoding_unknown"
    retryable = False


class RedirectedTooOften(HttpFailed):
    """More hops than anybody needs."""

    code = "http_redirected_too_often"
    retryable = False


class RedirectRefused(HttpFailed):
    """Another site would be handed a body that holds a secret."""

    code = "http_redirect_refused"
    retryable = False


class ProxyFailed(HttpFailed):
    """The proxy would not, or could not, connect us."""

    code = "http_proxy_failed"


@contextmanager
def translated() -> Iterator[None]:
    """Turn httpx's exceptions into ours, most specific first. Texts of theirs are not passed on: they may quote."""
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
