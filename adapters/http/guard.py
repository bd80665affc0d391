"""Which addresses a task may call: public ones, and those that the operator allows. Makes no connections.

A task's author must not reach what only the scheduler's machine can reach: databases, cloud metadata, Prefect. So
every address that is not public is refused, by any name or spelling. The check is made on the address that is
connected to (see `backend`), so neither a name that resolves anew nor a redirect gets around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

Address = IPv4Address | IPv6Address

# Source: IANA IPv4 Special-Purpose Address Registry (RFC 6890 and later), and multicast. Spelled out rather than
# taken from `ipaddress.is_global`, whose answers differ between patch releases of Python.
_NOT_PUBLIC_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by carriers; Alibaba's metadata service
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local; metadata service of most clouds
            "168.63.129.16/32",  # Azure's host, a public-looking address. Source: Microsoft, "What is 168.63.129.16"
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
            "192.0.2.0/24",
            "192.88.99.0/24",  # 6to4 relays, deprecated
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")  # the only part of IPv6 that is given out. Source: IANA IPv6 Address Space
_NOT_PUBLIC_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, among them Teredo, which carries IPv4 addresses
            "2001:db8::/32",
            "2002::/16",  # 6to4, which carries IPv4 addresses; deprecated by RFC 7526
            "3fff::/20",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # Source: RFC 6052; how a host without IPv4 reaches all of IPv4
_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?)+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class _Rule:
    network: IPv4Network | IPv6Network | None
    name: str
    port: int | None

    def covers(self, host: str, port: int, address: Address) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return host == self.name or (self.name.startswith("*.") and host.endswith(self.name[1:]))


class AddressGuard:
    """Decides by host, port and address. Public addresses are permitted; the rules permit more."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        """Take rules such as `10.1.0.0/16`, `192.168.1.7:8080`, `[fd00::/8]:443`, `intranet.example.com`, `*.lan`.

        A rule with a port opens that port only. A name permits every address that it resolves to.

        Raises:
            ValueError: a rule is neither a network, an address nor a name; the message quotes it.
        """
        self._rules = tuple(map(_rule, allowed))

    def permits(self, host: str, port: int, address: Address) -> bool:
        """Whether a task that requested `host` may be connected to this address and port."""
        address = _carried(address)
        name = host.rstrip(".").lower()
        return _is_public(address) or any(rule.covers(name, port, address) for rule in self._rules)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read rules from a list with commas."""
        return cls(part.strip() for part in text.split(",") if part.strip())


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 address merely encodes."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    return address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)


def _rule(text: str) -> _Rule:
    try:
        return _Rule(ip_network(text), "", None)  # also an IPv6 network without brackets
    except ValueError:
        pass
    match = _HOST_PORT.fullmatch(text)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port is not None and not 1 <= port <= 65535):
        raise ValueError(f"{text!r} is not a network, an address or a name, with or without a port")
    host = match["v6"] or match["host"]
    try:
        return _Rule(ip_network(host), "", port)
    except ValueError:
        if match["v6"] or not _NAME.fullmatch(host) or re.fullmatch(r"[0-9./]+", host):
            raise ValueError(f"{text!r} is not a network, an address or a name, with or without a port") from None
    return _Rule(None, host.rstrip(".").lower(), port)


def parse_address(text: str) -> Address:
    """An address as a resolver gives it, perhaps with an IPv6 zone."""
    return ip_address(text.partition("%")[0])
