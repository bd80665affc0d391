"""Everything that can go wrong with ESI and SSO, as switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase


class Kind(StrEnum):
    """What a fault does to a request."""

    STATUS = "status"
    """Answers `status` with ESI's error body."""
    PAGE = "page"
    """Answers `status` with an HTML page, as gateways do in downtime."""
    SLOW = "slow"
    """Waits `seconds`, then goes on as usual."""
    CUT = "cut"
    """Begins an answer and cuts the connection."""
    GARBAGE = "garbage"
    """Answers 200 with JSON of another shape."""


@dataclass(slots=True)
class Fault:
    """One fault on all routes that fit the pattern, for the next `times` requests (None: until removed)."""

    route: str = "*"
    """Pattern over the route's path in the specification: `/alliances/*`."""
    kind: Kind = Kind.STATUS
    status: int = 503
    times: int | None = None
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    def takes(self, route: str) -> bool:
        """Whether this request gets it; counts down."""
        if self.times == 0 or not fnmatchcase(route, self.route):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The switches. All off is a healthy ESI."""

    rules: list[Fault] = field(default_factory=list)
    bad_character_status: int = 400
    """What a request gets over one id that is no character. Which of 400, 404, 422 is not confirmed."""
    error_limit: int = 100
    error_window_seconds: float = 60.0
    """The old regime's window: so many errors in so long, then 420."""
    cache_seconds: float | None = None
    """`Expires` of every answer; None: as in the specification."""

    def add(self, route: str = "*", kind: str = Kind.STATUS, **rest: object) -> Fault:
        """Switch a fault on."""
        fault = Fault(route=route, kind=Kind(kind), **rest)  # type: ignore[arg-type]  # the dataclass's own fields
        self.rules.append(fault)
        return fault

    def of(self, route: str) -> Fault | None:
        """The first fault that takes a request to this route."""
        return next((rule for rule in self.rules if rule.takes(route)), None)


@dataclass(slots=True)
class SsoFaults:
    """The same for SSO. Its routes obey `Faults.rules` too."""

    rotate: bool = True
    """Every refresh gives a new refresh token and kills the old one."""
    send_refresh_token: bool = True
    revoked: set[int] = field(default_factory=set)
    """Characters whose logins were revoked."""
    dead_token_error: str = "invalid_grant"  # noqa: S105 - an error code of OAuth
    client_error: tuple[int, str] | None = None
    """Status and code with which we are refused as a client."""
    transferred: set[int] = field(default_factory=set)
    """Characters that have changed hands."""
    impostors: dict[int, int] = field(default_factory=dict)
    """Characters that get the token of another character."""
    wrong_signature: bool = False
    wrong_audience: bool = False
    wrong_issuer: bool = False
    expired: bool = False
    scopes: str | list[str] | None = "publicData"
    expires_in_seconds: int = 1200
