"""Alliances and corporations as plain fields, and what a difference between two states of one is.

Both are kept the same way: a document per id, with the fields that ESI gives, `created_at`, `updated_at` and, once
gone, `deleted_at`. A field that ESI does not give is absent, never 0 or null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Entity:
    """An alliance or corporation as ESI has it; `fields` by our names, absent ones left out."""

    id: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEntity:
    """An alliance or corporation as we keep it; `fields` holds all of the document but its bookkeeping."""

    id: int
    fields: Mapping[str, Any]
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class EntityChange:
    """The write to one document. `create` allows for a document that does not exist yet."""

    id: int
    put: Mapping[str, Any]
    remove: frozenset[str]
    create: bool
    restore: bool


class WriteCounts(NamedTuple):
    """What a write did. `missed` were gone when the write came."""

    created: int
    updated: int
    missed: int


def difference(
    stored: StoredEntity | None, entity: Entity, owned: frozenset[str], *, create: bool
) -> EntityChange | None:
    """What must be written so that the document equals ESI; None when it does already.

    Args:
        stored: as we keep it, None when we do not.
        entity: as ESI has it.
        owned: the fields that ESI decides; others in the document are left alone.
        create: whether to create a missing document.
    """
    before = {} if stored is None else stored.fields
    put = {name: value for name, value in entity.fields.items() if name not in before or before[name] != value}
    remove = frozenset(name for name in before if name in owned and name not in entity.fields)
    restore = stored is not None and stored.deleted
    if stored is not None and not (put or remove or restore):
        return None
    return EntityChange(entity.id, put, remove, create, restore)
