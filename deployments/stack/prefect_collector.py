"""Has Python's garbage collector leave alone what Prefect's server keeps for its whole life.

After its start the server has half a million objects: modules, mappings, models. A full collection goes through all
of them, while no request is answered, and finds nothing. They are set aside once, by the interpreter's own means,
and the youngest generation is looked through less often. What requests leave behind is collected as before. See
docs/decisions/0027-statements-built-once.md.
"""

from __future__ import annotations

import gc

from starlette.types import ASGIApp, Message, Receive, Scope, Send

THRESHOLDS = (10_000, 20, 20)
"""New objects until the youngest are looked through, and how many such looks until the next older are. By default
700, 10, 10: several times for each request."""


class QuietCollector:
    """ASGI middleware: sets aside what is there when the app has started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def noted(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                set_aside()

        await self._app(scope, receive, noted)


def set_aside() -> None:
    """Keep the collector from what is there now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
