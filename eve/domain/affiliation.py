"""Where a character belongs, which ids are worth asking for, and what a difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Affiliation:
    """Corporation, alliance and faction of a character; None is "in none"."""

    character_id: int
    corporation_id: int | None
    alliance_id: int | None = None
    faction_id: int | None = None


@dataclass(frozen=True, slots=True)
class StaleCharacter:
    """A character to be compared with ESI.

    `stored` is the document's value, with GF's 0 read as "in none"; `key` and `raw` are the store's own marks.
    """

    stored: Affiliation
    key: object = field(repr=False, compare=False)
    raw: tuple[object, object, object] = field(repr=False, compare=False)
    quarantined: bool = False
    """It was refused before and is tried again now."""


class StalePage(NamedTuple):
    """Stale characters by id: all there are from `low` to `high`. May be empty."""

    low: int
    high: int
    characters: Sequence[StaleCharacter]


@dataclass(frozen=True, slots=True)
class AffiliationChange:
    """A character whose document is to become `affiliation`."""

    character: StaleCharacter
    affiliation: Affiliation


@dataclass(frozen=True, slots=True)
class Batch:
    """Characters for one request: all the stale ones from `low` to `high`."""

    low: int
    characters: tuple[StaleCharacter, ...]

    @property
    def high(self) -> int:
        """The last id."""
        return self.characters[-1].stored.character_id


class IdRange(IntEnum):
    """Kinds of ids, by how likely they are to be characters. Source: EVE's id ranges, esi-docs."""

    UNKNOWN = 0
    PLAYER_2010 = 1
    """90,000,000 to 97,999,999."""
    MIXED = 2
    """100,000,000 to 2,099,999,999: characters, corporations and alliances made before 2010-11-03."""
    PLAYER_2016 = 3
    """2,100,000,000 to 2,129,999,999."""

    @classmethod
    def of(cls, character_id: int) -> IdRange:
        """The kind of an id."""
        if 90_000_000 <= character_id <= 97_999_999:
            return cls.PLAYER_2010
        if 100_000_000 <= character_id <= 2_099_999_999:
            return cls.MIXED
        if 2_100_000_000 <= character_id <= 2_129_999_999:
            return cls.PLAYER_2016
        return cls.UNKNOWN


class Batcher:
    """Cuts pages into batches of one kind of id each, so that doubtful ids spoil only requests of their own.

    Feed it pages by ascending id. Where pages follow on each other, so do the batches: each begins where the one
    before ended. Where they do not, what lies between was checked a while ago and must not count as checked now.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._low = 0
        self._seen_to = -1
        self._waiting: list[StaleCharacter] = []

    def add(self, page: StalePage) -> list[Batch]:
        """The batches that this page fills."""
        batches = []
        if page.low != self._seen_to + 1:
            batches += self.rest()
            self._low = page.low
        self._seen_to = page.high
        for character in page.characters:
            if self._waiting and (len(self._waiting) >= self._size or self._is_other_kind(character)):
                batches.append(self._cut())
            self._waiting.append(character)
        return batches

    def rest(self) -> list[Batch]:
        """What is left at the end."""
        return [self._cut()] if self._waiting else []

    def _is_other_kind(self, character: StaleCharacter) -> bool:
        last = self._waiting[-1].stored.character_id
        return IdRange.of(last) is not IdRange.of(character.stored.character_id)

    def _cut(self) -> Batch:
        batch = Batch(self._low, tuple(self._waiting))
        self._low = batch.high + 1
        self._waiting = []
        return batch
