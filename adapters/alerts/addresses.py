"""Reads the addresses of channels from settings: `name=address` or an address alone, in a list.

Addresses of channels hold tokens and passwords, so no message here quotes any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

PREFECT = "prefect"
"""Name of the channel that no address is needed for."""
_SEPARATOR = re.compile(r"(?:\s*,\s*|\s+)(?=(?:[A-Za-z][A-Za-z0-9-]*=)?[a-z][a-z0-9+.-]*://)")
"""Addresses may hold commas, hence one separates only before what looks like the next address."""
_ENTRY = re.compile(r"(?:(?P<name>[^=:/]*)=)?(?P<url>[a-z][a-z0-9+.-]*://\S+)", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """What a channel is called, and where it is."""

    name: str
    url: str = field(repr=False)


def split_addresses(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas or space."""
    return tuple(part for part in _SEPARATOR.split(text.strip().strip(",").strip()) if part)


def read_addresses(entries: Iterable[str], word: str, taken: Iterable[str] = ()) -> Sequence[ChannelAddress]:
    """Entries in their order. One without a name is called by the word and its position: webhook-1.

    Raises:
        ValueError: one is not an address, or a name is not fit or taken; says which by its position.
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
