"""Where the facade and the Prefect server listen."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses on which facade and Prefect server listen. Port 0 selects a free one."""

    host: str = "127.0.0.1"
    facade_port: int = 0
    prefect_port: int = 0

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach them."""
        return self.host in _LOOPBACK

    @property
    def names(self) -> tuple[str, ...]:
        """Host names that clients may use, besides IP addresses, which can't be spoofed by DNS."""
        if self.is_loopback:
            return ("localhost",)
        own = {socket.gethostname(), self.host}
        return ("localhost", *sorted(name for name in own if not _is_address(name)))

    def url(self, port: int) -> str:
        """The address for a client on this machine."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "localhost"} else self.host  # noqa: S104 - compared, not bound
        host = "::1" if host == "::" else host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
