"""What can go wrong between us and EVE Online, as leaves of the tree in `core/errors.py`.

No message holds a token, an address or a header value.
"""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.core.errors import SchedulerError, Unavailable


class EveMisconfigured(SchedulerError):
    """Our configuration prevents requests to EVE. The message names what to set; a retry would fail too."""

    code = "eve_misconfigured"


class OtherRefresher(SchedulerError):
    """Somebody else refreshes the same logins, so nothing was refreshed."""

    code = "other_refresher"

    def __init__(self, character_id: int) -> None:
        super().__init__(
            f"Somebody else refreshes the same logins (character {character_id} among them), so nothing was "
            "refreshed: two refreshers make each other's tokens invalid. Switch off the refresher of go-falcon's "
            "auth module, see docs/go-falcon.md"
        )


class EsiRefused(SchedulerError):
    """ESI will not answer this request, however often it is sent: 400, 401, 403, 404, 422 and the like.

    `route` is the path's pattern, without ids.
    """

    code = "esi_refused"

    def __init__(self, status: int, route: str, reason: str = "") -> None:
        super().__init__(f"ESI answered {status} to {route}" + (f": {reason}" if reason else ""))
        self.status = status
        self.route = route
        self.reason = reason


class EsiUnreadable(SchedulerError):
    """ESI answered 200 with a body that violates its specification."""

    code = "esi_unreadable"

    def __init__(self, route: str, reason: str) -> None:
        super().__init__(f"ESI's answer to {route} was not understood: {reason}")
        self.route = route


class EsiUnavailable(Unavailable):
    """ESI does not answer now, though every retry was made."""

    code = "esi_unavailable"

    def __init__(self, reason: str, retry_after: timedelta = timedelta(minutes=1)) -> None:
        super().__init__("ESI", retry_after)
        self.args = (f"ESI is not available: {reason}",)


class EsiWaitTooLong(EsiUnavailable):
    """ESI requires a wait beyond the end of the run, for other items too."""

    code = "esi_wait_too_long"


class SsoUnavailable(Unavailable):
    """EVE SSO does not answer now, or not with what it should. Nothing is known about the token in question."""

    code = "sso_unavailable"

    def __init__(self, reason: str, retry_after: timedelta = timedelta(minutes=1)) -> None:
        super().__init__("EVE SSO", retry_after)
        self.args = (f"EVE SSO is not available: {reason}",)


class GrantRejected(SchedulerError):
    """EVE SSO reports the refresh token as revoked, expired or unknown; its owner must log in again."""

    code = "grant_rejected"

    def __init__(self, error: str) -> None:
        super().__init__(f"EVE SSO rejected the refresh token ({error})")


class TokenNotGenuine(SchedulerError):
    """An access token did not verify: signature, issuer, audience, lifetime or subject. `reason` names which."""

    code = "token_not_genuine"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The access token did not verify: {reason}")


class TokenUnreadable(SchedulerError):
    """A token kept in the database cannot be opened with the key that is configured."""

    code = "token_unreadable"

    def __init__(self) -> None:
        super().__init__("A stored EVE token cannot be opened: EVE_TOKEN_KEY is not the key it was stored under")
