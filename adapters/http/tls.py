"""TLS settings of a request. Trusts the system's authorities (SSL_CERT_FILE and SSL_CERT_DIR count) and Mozilla's."""

from __future__ import annotations

import functools
import os
import ssl
import tempfile
from dataclasses import dataclass, field

import certifi

from falcon_scheduler.adapters.http.errors import NotSendable


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS options: whether to verify the server, and the client certificate to send."""

    verify: bool = True
    client_certificate: str = field(default="", repr=False)
    """Certificate chain and private key, PEM, one after the other."""


def context_of(tls: Tls) -> ssl.SSLContext:
    """The context for a request; the common ones are made once per process.

    Raises:
        NotSendable: the client certificate can't be read.
    """
    if not tls.client_certificate:
        return _plain_context(tls.verify)
    context = _new_context(tls.verify)
    _load_certificate(context, tls.client_certificate)
    return context


@functools.cache
def _plain_context(verify: bool) -> ssl.SSLContext:
    return _new_context(verify)


def _new_context(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_certificate(context: ssl.SSLContext, pem: str) -> None:
    # OpenSSL reads a chain from a file only. mkstemp makes the file readable for us alone; it is deleted at once.
    handle, path = tempfile.mkstemp(prefix="falcon-", suffix=".pem")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(pem)
        context.load_cert_chain(path, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise NotSendable(
            "The client certificate can't be read: the secret must hold a certificate and its unencrypted key in PEM"
        ) from error
    finally:
        os.unlink(path)


def _no_password() -> str:
    raise ValueError("encrypted keys are not supported")  # without this OpenSSL would prompt on the terminal
