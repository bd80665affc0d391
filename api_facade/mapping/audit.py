"""Entries of the audit as answers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from falcon_scheduler.api_facade.schemas.audit import AuditEntryResponse
from falcon_scheduler.core.domain.audit import AuditEntry
from falcon_scheduler.core.domain.masking import masked
from falcon_scheduler.core.domain.principal import Permission, Principal


def audit_response(
    entry: AuditEntry, caller: Principal, names: Mapping[str, str] = MappingProxyType({})
) -> AuditEntryResponse:
    """An entry of the audit as the caller may see it: older ones were cleaned by older rules."""
    before, after = dict(entry.before), dict(entry.after)
    if not caller.may(Permission.UPDATE):
        before, after = masked(before), masked(after)
    return AuditEntryResponse(
        id=entry.id,
        at=entry.at,
        ended_at=entry.ended_at,
        user=entry.user_id,
        character_id=entry.character_id,
        action=entry.action,
        task_id=entry.task_id,
        task_name=names.get(entry.task_id or ""),
        door=entry.origin.door,
        request_id=entry.origin.request_id or None,
        outcome=entry.outcome,
        error=entry.error or None,
        before=before,
        after=after,
    )
