"""Holds the office of the leader, and does any list of duties while it has it.

One facade of any number is the leader, the holder of a Redis lease. While Redis is away every facade is: the duties'
writes are repeatable, so several at work cost time, not truth.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from falcon_scheduler.api_facade.office import Office
from falcon_scheduler.api_facade.together import end, together
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.alerts.duty_watch import DutyWatch
from falcon_scheduler.core.services.duty import Duty, attempt

logger = logging.getLogger(__name__)


class Leader:
    """Start `run` as a task and cancel it to stop."""

    def __init__(
        self,
        *,
        office: Office,
        preparation: Duty,
        duties: Sequence[Duty],
        at_once: Sequence[Duty] = (),
        watch: DutyWatch,
        note_leading: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Make one.

        Args:
            office: is held by one process of many.
            preparation: makes what the duties need; repeated until it has succeeded once.
            duties: what is repeated from then on, each beside the others.
            at_once: duties that need no preparation.
            watch: gets the result of each attempt at a duty.
            note_leading: is called with whether this process holds the lease, after each renewal.
        """
        self._office = office
        self._preparation = preparation
        self._duties = duties
        self._at_once = at_once
        self._watch = watch
        self._note_leading = note_leading
        self._prepared = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        at_work: asyncio.Task[None] | None = None
        try:
            while True:
                held = await self._hold_office()
                self._note_leading(held)
                if at_work is not None and at_work.done():
                    logger.error(
                        "The duties ended by themselves, and are started again", exc_info=at_work.exception()
                    )
                    at_work = None
                if held and at_work is None:
                    logger.info("Taking over the mirror")
                    at_work = asyncio.create_task(self._work())
                elif not held and at_work is not None:
                    logger.info("Another facade has taken over the mirror")
                    await end([at_work])
                    at_work = None
                    self._forget()
                await asyncio.sleep(self._office.renewal.total_seconds())
        finally:
            if at_work is not None:
                await end([at_work])
                await self._office.leave()

    async def _hold_office(self) -> bool:
        try:
            return await self._office.hold()
        except Unavailable:
            return True

    def _forget(self) -> None:
        for duty in (*self._at_once, *self._duties):
            duty.forget()

    async def _work(self) -> None:
        await together(
            self._prepare(),
            *(self._repeat(duty) for duty in self._at_once),
            *(self._repeat_when_prepared(duty) for duty in self._duties),
        )

    async def _prepare(self) -> None:
        """Until it has succeeded once, for at the start MongoDB or Prefect may still be away."""
        while not self._prepared.is_set():
            if await self._do(self._preparation, when_away=logging.INFO):
                self._prepared.set()
            else:
                await asyncio.sleep(self._preparation.interval.total_seconds())

    async def _repeat_when_prepared(self, duty: Duty) -> None:
        await self._prepared.wait()
        await self._repeat(duty)

    async def _repeat(self, duty: Duty) -> None:
        while True:
            await self._do(duty)
            await asyncio.sleep(duty.interval.total_seconds())

    async def _do(self, duty: Duty, when_away: int = logging.WARNING) -> bool:
        """Do a duty, and report to the watch whether it succeeded."""
        error = await attempt(duty.name, duty.work, when_away)
        if error is None:
            self._watch.succeeded(duty.name)
        else:
            self._watch.failed(duty.name, error)
        return error is None
