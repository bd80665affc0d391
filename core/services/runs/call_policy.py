"""How a run calls the servers: a call that only informs is made once, a call that decides is repeated for a while.

What only informs (progress, a retry that shows in the engine, a count) never ends a run and never holds it up for
long. A call that decides (whose turn it is, an end in the history) is repeated for a while before it fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.core.errors import ConcurrentChange, SchedulerError, Unavailable
from falcon_scheduler.core.retrying import doubling, retried, within

T = TypeVar("T")

INFORMING_PATIENCE = timedelta(seconds=5)
"""How long a run waits for a call that only informs."""
STORE_PATIENCE = timedelta(seconds=30)
"""How long a run waits for MongoDB at its start and its end before it goes on without."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(milliseconds=200), timedelta(seconds=5)


async def inform(
    what: str,
    call: Callable[[], Awaitable[object]],
    log: WorkLog,
    *,
    within: timedelta = INFORMING_PATIENCE,
) -> bool:
    """Make a call whose failure does not matter to the run. Returns whether it succeeded; failures are logged.

    Args:
        what: what the call does, as in "could not …".
        call: makes the call. An interruption of the run ends it, like any other wait.
        log: the run's log.
        within: how long it may take.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            await call()
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("Could not %s, the run goes on: %s", what, _described(error, within))
        return False
    return True


async def asked(question: Callable[[], Awaitable[bool]], log: WorkLog) -> bool:
    """The answer to a question that a run can do without: no, when nobody answers in time."""
    answer = False

    async def ask() -> None:
        nonlocal answer
        answer = await question()

    await inform("ask whose turn it is", ask, log)
    return answer


async def decided(
    ask: Callable[[], Awaitable[T]], *, on: tuple[type[SchedulerError], ...] = (Unavailable, ConcurrentChange)
) -> T:
    """The answer to a call that decides, which is made again for a while when it raises one of `on`.

    Raises:
        Unavailable: it stayed away for as long as the patience lasts.
        ConcurrentChange: others kept changing the same document for so long.
    """
    return await retried(ask, on=on, pauses=within(STORE_PATIENCE, doubling(FIRST_PAUSE, LONGEST_PAUSE)))


def _described(error: Exception, within: timedelta) -> str:
    """Without the text of errors that are not ours: it may hold an address."""
    if isinstance(error, Unavailable):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"no answer in {within.total_seconds():g} s"
    return type(error).__name__
