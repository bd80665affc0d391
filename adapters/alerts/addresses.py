"""Reads the addresses of channels from settings: `name=address` or an address alone, in a list.

Addresses of channels hold tokens and passwords, so no message here quotes any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PREFECT = "prefect"
"""Name of the channel that needs no address."""
_SEPARATOR = re.compile(r"(?:\s*,\s*|\s+)(?=(?:[A-Za-z][A-Za-z0-9-]*=)?[a-z][a-z0-9+.-]*://)")
"""Addresses may contain commas, so only a comma in front of what looks like another address separates."""
_ENTRY = re.compile(r"(?:(?P<name>[^=:/]*)=)?(?P<url>[a-z][a-z0-9+.-]*://\S+)", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """The name of a channel, and its address."""

    name: str
    url: str = field(repr=False)


def split_addresses(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas or space."""
    return tuple(part for part in _SEPARATOR.split(text.strip().strip(",").strip()) if part)


def read_addresses(entries: Iterable[str], word: str, taken: Iterable[str] = ()) -> Sequence[ChannelAddress]:
    """The entries in their order. An entry without a name is named by `word` and its position: webhook-1.

    Raises:
        ValueError: an entry is not an address, or a name is invalid or taken; the message gives the position.
    """
    known = {PREFECT, *taken}
    found: list[ChannelAddress] = []
    for position, entry in enumerate(entries, 1):
        match = _ENTRY.fullmatch(entry)
        if match is None:
            raise ValueError(f"number {position} must be scheme://… or name=scheme://…")
        name = f"{word}-{position}" if match["name"] is None else match["name"]
        if not _NAME.fullmatch(name):
            raise ValueError(f"the name of number {position} must be 1 to 30 of a-z, 0-9 and -, a letter first")
        if name in known:
            raise ValueError(f"the name {name} is taken")
        known.add(name)
        found.append(ChannelAddress(name, match["url"]))
    return found
