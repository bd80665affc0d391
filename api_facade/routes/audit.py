"""The audit: who changed what, when, and through which door."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Manager, Parts
from falcon_scheduler.api_facade.examples import audit as examples
from falcon_scheduler.api_facade.mapping.audit import audit_response
from falcon_scheduler.api_facade.mapping.pages import page_numbers, page_request
from falcon_scheduler.api_facade.schemas.audit import AuditList, AuditQuery
from falcon_scheduler.core.errors import Invalid
from falcon_scheduler.core.ports import AuditFilter

router = APIRouter(prefix="/audit", tags=["service"], route_class=LeanRoute)


@router.get("", responses=answers(200, examples.AUDIT, *READ, 400, 403, 503), summary="Who changed what")
async def list_audit(caller: Manager, parts: Parts, query: Annotated[AuditQuery, Query()]) -> AuditList:
    """The changes that meet all conditions, the newest first. `total` is exact. Needs `scheduler:system:manage`.

    Every change has an entry, written before it is made. Secrets are concealed, and so is what a config sends.
    """
    if query.since is not None and query.until is not None and query.until <= query.since:
        raise Invalid.of("query.to", "must be later than from")
    wanted = AuditFilter(
        task_id=query.task_id,
        user_id=query.user,
        actions=frozenset(query.action),
        outcome=query.outcome,
        since=query.since,
        until=query.until,
    )
    page = await parts.audit.list(wanted, page_request(query))
    names = await parts.tasks.names({each.task_id for each in page.items if each.task_id})
    return AuditList(entries=[audit_response(each, caller, names) for each in page.items], **page_numbers(page))
