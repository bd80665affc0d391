"""The address of a caller: the peer of the connection, or what trusted proxies report."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

Address = IPv4Address | IPv6Address

MOST_PROXIES = 20
"""Entries of X-Forwarded-For that are read, from the right."""
IPV6_SITE_BITS = 64
"""An IPv6 network of this size counts as one caller: its owner can use every address in it."""


class ClientAddresses:
    """Finds the address of a caller.

    X-Forwarded-For is read only when the peer is a trusted proxy. Each proxy appends the address of its own caller.
    So the right-most entry that is not a trusted proxy is the caller; the caller itself may have written the entries
    left of it.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._trusted: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, trusted_proxies))

    def of(self, request: HTTPConnection) -> str:
        """The caller: an IPv4 address, an IPv6 network, or `unknown`."""
        found = _read(request.client.host) if request.client else None
        if found is None:
            return "unknown"
        if self._trusted and self._is_trusted(found):
            found = self._forwarded(found, ",".join(request.headers.getlist("x-forwarded-for")))
        return _site(found)

    def came_by_https(self, request: HTTPConnection) -> bool:
        """Whether a trusted proxy says that its client asked it over HTTPS."""
        peer = _read(request.client.host) if request.client else None
        said = request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        return peer is not None and self._is_trusted(peer) and said == "https"

    def _forwarded(self, peer: Address, header: str) -> Address:
        found = peer
        for entry in reversed(header.rsplit(",", MOST_PROXIES)[-MOST_PROXIES:]):
            address = _read(entry.strip())
            if address is None:
                break
            found = address
            if not self._is_trusted(address):
                break
        return found

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def _read(text: str) -> Address | None:
    """An address, with or without a port; some proxies write one."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _site(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), IPV6_SITE_BITS), strict=False))
    return str(address)
