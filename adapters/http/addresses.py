"""Whether an address can be requested, by the library that makes the request."""

from __future__ import annotations

import httpx


def is_sendable(address: str) -> bool:
    """Whether httpx can parse the address, and a resolver accepts its host."""
    try:
        host = httpx.URL(address).raw_host.decode("ascii")
        host.encode("idna")  # as the resolver does: no label is empty or longer than 63 characters
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return False
    return bool(host) and ("%" not in host or ":" in host)  # only an IPv6 address has a zone behind a %
