"""Plants secrets, and searches for them wherever the service leaves a word."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

ODD_ENDS = ("", "/+=&x", "\"'\\q", "%25 <b>", "é€")
"""What a secret may end with, so that it has many spellings: in addresses, JSON, HTML, base64."""


@dataclass
class Planter:
    """Makes secrets, each unlike all others, and remembers where each was planted."""

    planted: dict[str, str] = field(default_factory=dict)

    def secret(self, place: str, end: str = "") -> str:
        """A secret that can be found by its core, however the rest of it is spelled."""
        core = f"planted{secrets.token_hex(8)}"
        self.planted[core] = place
        return core + end

    def found_in(self, texts: Mapping[str, str]) -> list[str]:
        """Every place where a secret shows, with where it was planted and the text around it."""
        return [
            f"planted in {place}, shows in {name}: …{_around(text, spelling)}…"
            for core, place in self.planted.items()
            for name, text in texts.items()
            for spelling in _spellings(core)
            if spelling in text
        ]


def _around(text: str, spelling: str) -> str:
    at = text.index(spelling)
    return text[max(at - 80, 0) : at + len(spelling) + 20]


def _spellings(core: str) -> Iterable[str]:
    """The core as it is, and in base64 behind 0, 1 or 2 bytes."""
    yield core
    yield from _in_base64(core)


def _in_base64(core: str) -> Iterator[str]:
    for ahead in range(3):
        encoded = base64.b64encode(b" " * ahead + core.encode()).decode()
        yield encoded[4 if ahead else 0 : -4]
