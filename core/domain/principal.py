"""The caller and its permissions. Independent of tokens and HTTP."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from enum import StrEnum


class Permission(StrEnum):
    """The granular permissions of the scheduler. Source: go-falcon, scheduler permission ids."""

    CREATE = "scheduler:tasks:create"
    READ = "scheduler:tasks:read"
    UPDATE = "scheduler:tasks:update"
    DELETE = "scheduler:tasks:delete"
    EXECUTE = "scheduler:tasks:execute"
    CONTROL = "scheduler:tasks:control"
    """Reload, and other actions on the service as a whole."""
    MANAGE = "scheduler:system:manage"
    """Reload, and what touches the service as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller. `user_id` is what `created_by` and `updated_by` carry."""

    user_id: str
    character_id: int
    character_name: str = ""
    is_super_admin: bool = False
    permissions: Set[str] = frozenset()

    def may(self, permission: Permission) -> bool:
        """Whether the caller has the permission, directly or as a super admin."""
        return self.is_super_admin or permission in self.permissions


@dataclass(frozen=True, slots=True)
class Grants:
    """What a character may do, according to its groups."""

    is_super_admin: bool = False
    permissions: Set[str] = frozenset()
