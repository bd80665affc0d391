"""Whether an address can be put on the wire, asked of the library that does it."""

from __future__ import annotations

import httpx


def is_sendable(address: str) -> bool:
    """Whether httpx can read the address, and a resolver can be asked for its host."""
    try:
        host = httpx.URL(address).raw_host.decode("ascii")
        host.encode("idna")  # as the resolver does: no label is empty or longer than 63 characters
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return False
    return bool(host) and ("%" not in host or ":" in host)  # only an IPv6 address has a zone behind a %
