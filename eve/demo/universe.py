"""A made-up universe of any size, computed from ids, so that a million characters take no memory.

Every name in it is invented. Ids lie in EVE's ranges. Source: EVE's id ranges, esi-docs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FIRST_ALLIANCE, FIRST_CORPORATION, FIRST_CHARACTER = 99_000_001, 98_000_001, 90_000_001
LARGEST = 1_000_000
"""More corporations than this would run into the alliances' ids."""
LARGEST_CHARACTERS = 7_000_000
_FIRST_WORDS = ("Amber", "Brass", "Cinder", "Dawn", "Ember", "Frost", "Gale", "Harbour", "Iron", "Juniper", "Kelp")
_SECOND_WORDS = ("Foundry", "Lanterns", "Orchard", "Couriers", "Assay", "Drift", "Kiln", "Ferry", "Weavers")
_FACTION = 500_001


@dataclass(slots=True)
class Universe:
    """The data that ESI returns. Change it between two runs to see the effect on a task."""

    alliances: int = 20
    corporations: int = 60
    characters: int = 400
    moved: set[int] = field(default_factory=set)
    """Characters that have changed corporation."""
    moved_share: float = 0.0
    """This share of all others has, too."""
    closed_alliances: set[int] = field(default_factory=set)
    """Listed no more, and without an executor."""
    unknown: set[int] = field(default_factory=set)
    """Alliances and corporations that answer 404."""
    deleted_characters: set[int] = field(default_factory=set)
    """Characters that are missing from answers, as deleted ones are. Source: esi-issues 340."""
    independent: set[int] = field(default_factory=set)
    """Corporations that have left their alliance."""
    renamed: dict[int, str] = field(default_factory=dict)

    def alliance_ids(self) -> list[int]:
        """The ids of active alliances, in no useful order."""
        ids = range(FIRST_ALLIANCE, FIRST_ALLIANCE + self.alliances)
        return [one for one in reversed(ids) if one not in self.closed_alliances]

    def alliance(self, alliance_id: int) -> dict[str, Any] | None:
        """The body of an alliance; None when there is none."""
        index = alliance_id - FIRST_ALLIANCE
        if not 0 <= index < self.alliances or alliance_id in self.unknown:
            return None
        body = {
            "name": self.renamed.get(alliance_id, f"{_name(index)} Compact"),
            "ticker": _ticker(index),
            "creator_id": FIRST_CHARACTER + index % max(1, self.characters),
            "creator_corporation_id": FIRST_CORPORATION + index % max(1, self.corporations),
            "date_founded": f"20{10 + index % 15}-0{1 + index % 9}-1{index % 9}T12:00:00Z",
        }
        if alliance_id not in self.closed_alliances:
            body["executor_corporation_id"] = FIRST_CORPORATION + index % max(1, self.corporations)
        if index % 25 == 0:
            body["faction_id"] = _FACTION
        return body

    def corporation(self, corporation_id: int, *, new_shape: bool) -> dict[str, Any] | None:
        """The body of a corporation, in the shape before or from 2026-07-21; None when there is none."""
        index = corporation_id - FIRST_CORPORATION
        if not 0 <= index < self.corporations or corporation_id in self.unknown:
            return None
        body: dict[str, Any] = {
            "name": self.renamed.get(corporation_id, f"{_name(index)} Company"),
            "ticker": _ticker(index),
            "description": "A made-up company.",
            "member_count": 1 + index % 500,
            "ceo_id": FIRST_CHARACTER + index % max(1, self.characters),
            "creator_id": FIRST_CHARACTER + index % max(1, self.characters),
            "date_founded": f"20{10 + index % 15}-0{1 + index % 9}-2{index % 8}T08:30:00Z",
            "home_station_id": 60_000_001 + index % 5000,
            "shares": 1000,
            "war_eligible": index % 3 == 0,
        }
        if index % 7 == 0:
            body["url"] = "https://company.invalid"
        if alliance_id := self._alliance_of(corporation_id):
            body["alliance_id"] = alliance_id
        return body | (_new_fields(index) if new_shape else _old_fields(index))

    def affiliation(self, character_id: int) -> dict[str, int] | None:
        """Where a character belongs; None when the id is no character."""
        index = character_id - FIRST_CHARACTER
        if not 0 <= index < self.characters:
            return None
        corporation_id = FIRST_CORPORATION + (index + self._has_moved(character_id)) % self.corporations
        body = {"character_id": character_id, "corporation_id": corporation_id}
        if alliance_id := self._alliance_of(corporation_id):
            body["alliance_id"] = alliance_id
        if corporation_id % 25 == 0:
            body["faction_id"] = _FACTION
        return body

    def _has_moved(self, character_id: int) -> bool:
        return character_id in self.moved or (character_id * 7919) % 10_000 < self.moved_share * 10_000

    def _alliance_of(self, corporation_id: int) -> int | None:
        if not self.alliances or corporation_id % 5 == 0 or corporation_id in self.independent:
            return None
        return FIRST_ALLIANCE + corporation_id % self.alliances


def character_name(character_id: int) -> str:
    """The invented name of a character."""
    index = character_id - FIRST_CHARACTER
    return f"{_SECOND_WORDS[index % len(_SECOND_WORDS)][:-1]} {_FIRST_WORDS[index % len(_FIRST_WORDS)]} {index + 1}"


def _name(index: int) -> str:
    first = _FIRST_WORDS[index % len(_FIRST_WORDS)]
    return f"{first} {_SECOND_WORDS[index // len(_FIRST_WORDS) % len(_SECOND_WORDS)]} {index + 1}"


def _ticker(index: int) -> str:
    return f"X{index:04X}"[:5]


def _old_fields(index: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"tax_rate": index % 20 / 100}
    return fields | ({"faction_id": _FACTION} if index % 25 == 0 else {})


def _new_fields(index: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tax_rates": {"isk": float(index % 20), "loyalty_point": 5.0},
        "state": "active",
        "type": "player_owned",
        "friendly_fire": "legal",
    }
    return fields | ({"enlisted_faction_id": _FACTION} if index % 25 == 0 else {})
