"""How EVE tokens rest in the database: sealed with Fernet when a key is set, in the clear when none is.

Clear text is always read, so that a database of the Go service can be read; every write is sealed.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from falcon_scheduler.eve.domain.errors import TokenUnreadable

SEAL = "fernet:"
"""Marks a sealed token; EVE's own never begin so."""


class TokenVault:
    """Seals and opens tokens. Holds the key; shows nothing of it."""

    def __init__(self, key: str | None) -> None:
        self._fernet = None if key is None else Fernet(key)

    def seal(self, token: str) -> str:
        """The form in which a token rests."""
        if self._fernet is None:
            return token
        return SEAL + self._fernet.encrypt(token.encode()).decode()

    def open(self, kept: str) -> str:
        """A token as it rests, in the clear.

        Raises:
            TokenUnreadable: it is sealed with another key, or there is no key.
        """
        if not kept.startswith(SEAL):
            return kept
        if self._fernet is None:
            raise TokenUnreadable
        try:
            return self._fernet.decrypt(kept.removeprefix(SEAL)).decode()
        except InvalidToken as error:
            raise TokenUnreadable from error
