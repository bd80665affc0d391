"""Makes connections: resolves a name once, checks the addresses with the guard, and connects to a checked address.

The checked address is the one that is connected to. So a name that resolves to another address a moment later (DNS
rebinding) does not get around the guard.
"""

from __future__ import annotations

import asyncio
import socket
import typing
from collections.abc import Callable

import httpcore

from falcon_scheduler.adapters.http.errors import AddressRefused, NameUnknown
from falcon_scheduler.adapters.http.guard import Address, AddressGuard, parse_address


async def resolve(host: str, port: int) -> list[Address]:
    """Every address of the host, in the order in which the system would try them.

    Raises:
        NameUnknown: there is none.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown(host) from error
    return list(dict.fromkeys(parse_address(str(sockaddr[0])) for *_, sockaddr in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """httpcore's network backend with the guard in front."""

    def __init__(self, guard: AddressGuard, resolved: Callable[[], None] = lambda: None) -> None:
        """`resolved` is called when a name is resolved and the connection begins."""
        self._guard = guard
        self._resolved = resolved
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first permitted address that answers.

        Raises:
            AddressRefused: none of the host's addresses is permitted.
        """
        addresses = [each for each in await resolve(host, port) if self._guard.permits(host, port, each)]
        if not addresses:
            raise AddressRefused(host, port)
        self._resolved()
        for position, address in enumerate(addresses):
            # A dead address must leave time for the others.
            share = None if timeout is None else timeout / (len(addresses) - position)
            try:
                return await self._network.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(addresses) - 1:
                    raise
        raise AssertionError("the loop returns or raises")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: typing.Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: tasks have no business with sockets in the file system."""
        raise AddressRefused("a unix socket", 0)

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore calls it between its own retries, which are off."""
        await asyncio.sleep(seconds)
