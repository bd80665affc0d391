"""Server-sent events: a stream that ends by itself, with its client, or with the server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from falcon_scheduler.api_facade.broadcast import Batch, Queue
from falcon_scheduler.core.ports.events import Happening, Recorded

HEARTBEAT = timedelta(seconds=15)
"""A comment that keeps proxies from closing the stream, and finds out clients that are gone."""
GATHERING = timedelta(milliseconds=100)
"""How long changes are gathered into one message."""
RETRY = timedelta(seconds=1)
"""When a browser comes again after a stream has ended."""
MEDIA_TYPE = "text/event-stream"

Shown = Callable[[Happening], bool]


class EventStream(StreamingResponse):
    """Sends what comes out of a queue until its time is up. `opened` is closed at the end, however it comes."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        request: Request,
        opened: AsyncExitStack,
        missed: Batch | None,
        queue: Queue,
        *,
        shown: Shown,
        lasts: timedelta,
    ) -> None:
        super().__init__(
            messages(missed, queue, shown=shown, lasts=lasts),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._opened = opened
        # See `api_facade.connections`: a server that stops waits for answers to end, and this one would not.
        request.state.at_shutdown = lambda: None if queue.full() else queue.put_nowait(None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        async with self._opened:
            await super().__call__(scope, receive, send)


async def messages(missed: Batch | None, queue: Queue, *, shown: Shown, lasts: timedelta) -> AsyncIterator[str]:
    """The text of the stream. What was missed comes first; what both hold comes once."""
    ends_at = asyncio.get_running_loop().time() + lasts.total_seconds()
    yield f"retry: {RETRY // timedelta(milliseconds=1)}\n\n"
    if missed is None:
        yield "event: reset\ndata: {}\n\n"
    last = missed[-1].position if missed else ""
    if missed and (text := message(missed, shown)):
        yield text
    while (left := ends_at - asyncio.get_running_loop().time()) > 0:
        try:
            batch = await asyncio.wait_for(queue.get(), min(left, HEARTBEAT.total_seconds()))
        except TimeoutError:
            yield ": still here\n\n"
            continue
        gathered, goes_on = await _gathered(batch, queue)
        if text := message([each for each in gathered if is_after(each.position, last)], shown):
            yield text
        if not goes_on:
            return


async def _gathered(first: Batch | None, queue: Queue) -> tuple[Sequence[Recorded], bool]:
    """Everything that comes within a moment, and whether the stream goes on."""
    if first is None:
        return [], False
    await asyncio.sleep(GATHERING.total_seconds())
    gathered = [*first]
    while not queue.empty():
        more = queue.get_nowait()
        if more is None:
            return gathered, False
        gathered += more
    return gathered, True


def message(recorded: Sequence[Recorded], shown: Shown) -> str:
    """One message for many changes, the last of each subject. Empty when there is nothing to show."""
    latest = {(each.happening.subject, each.happening.id): each.happening for each in recorded}
    changes = [_change(happening) for happening in latest.values() if shown(happening)]
    if not changes:
        return ""
    return f"id: {recorded[-1].position}\nevent: change\ndata: {_json(changes)}\n\n"


def is_after(position: str, other: str) -> bool:
    """Whether a position is later than another one; every position is later than none."""
    return not other or _order(position) > _order(other)


def _order(position: str) -> tuple[int, ...]:
    return tuple(int(part) for part in position.split("-"))


def _change(happening: Happening) -> dict[str, object]:
    fields = {
        "subject": str(happening.subject),
        "id": happening.id,
        "task_id": happening.task_id,
        "status": happening.status,
        "removed": happening.removed,
    }
    return {name: value for name, value in fields.items() if value}


def _json(changes: Iterable[object]) -> str:
    return json.dumps([*changes], separators=(",", ":"))
