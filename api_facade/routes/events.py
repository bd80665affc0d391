"""What changes, as it changes: server-sent events for pages and other clients that watch."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from falcon_scheduler.api_facade.declared import READ, LeanRoute, answers
from falcon_scheduler.api_facade.deps import Identified, Parts, Reader
from falcon_scheduler.api_facade.examples import page as examples
from falcon_scheduler.api_facade.streams import MEDIA_TYPE, EventStream
from falcon_scheduler.core.domain.principal import Permission, Principal
from falcon_scheduler.core.ports.events import Happening, Subject

router = APIRouter(prefix="/events", tags=["events"], route_class=LeanRoute)

LONGEST_SECONDS = 300
"""After which a client comes again: so nobody watches for long who may not any more."""

Position = Annotated[
    str | None,
    Header(alias="Last-Event-ID", max_length=40, pattern=r"^\d{1,20}-\d{1,20}$", description="Where to go on."),
]


def _answers() -> dict[int | str, dict[str, Any]]:
    declared = answers(200, examples.EVENTS, *READ, 400, 403, 503)
    content = {"schema": {"type": "string"}, "example": examples.EVENTS}
    declared[200]["content"] = {MEDIA_TYPE: content}
    return declared


@router.get(
    "",
    status_code=200,
    response_class=EventStream,
    response_model=None,
    responses=_answers(),
    summary="Watch what changes",
)
async def watch_events(
    caller: Reader,
    claims: Identified,
    parts: Parts,
    request: Request,
    last_event_id: Position = None,
    seconds: Annotated[
        int, Query(ge=1, le=LONGEST_SECONDS, description="After which the stream ends.")
    ] = LONGEST_SECONDS,
) -> Response:
    """A stream of messages, each with the changes of a moment: `subject` (task, execution, alert, audit), `id`,
    `task_id`, `status`, and `removed`. Entries of the audit are shown to those who may read it.

    A client comes again when it ends, with the last id that it got in `Last-Event-ID`, as browsers do by themselves.
    A message `reset` says that something was missed: read anew what is shown.
    503 while Redis is away, 429 when there are too many streams: ask from time to time instead.
    """
    async with AsyncExitStack() as opening:
        missed, queue = await opening.enter_async_context(parts.broadcast.watch(caller.user_id, last_event_id))
        lasts = min(timedelta(seconds=seconds), claims.expires_at - parts.clock.now())
        return EventStream(
            request, opening.pop_all(), missed, queue, shown=lambda each: _may_see(caller, each), lasts=lasts
        )


def _may_see(caller: Principal, happening: Happening) -> bool:
    return happening.subject is not Subject.AUDIT or caller.may(Permission.MANAGE)
