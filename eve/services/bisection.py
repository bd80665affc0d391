"""Finding the ids that spoil a request: ESI refuses a whole batch over one id that is no character.

Source: esi-issues 719, 527 and 340. Each refused request counts against 100 errors a minute, so halves are tried one
after another, by one worker at a time, and only while ESI has errors to spare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from falcon_scheduler.eve.domain.affiliation import Affiliation
from falcon_scheduler.eve.domain.errors import EsiRefused
from falcon_scheduler.eve.ports import EsiGateway

_ABOUT_THE_IDS = frozenset({400, 404, 422})
"""Which of these one bad id gives is not confirmed, so all are read alike."""
_ERRORS_TO_SPARE = 20
"""Below this many errors left in the window, bisection waits: others may need them."""


@dataclass(slots=True)
class BatchAnswer:
    """The result for the requested ids. Those in neither were missing from ESI's answer."""

    affiliations: dict[int, Affiliation] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)


class Bisection:
    """Requests batches; splits those that are refused. `on_refused` is called with each bad id."""

    def __init__(self, esi: EsiGateway, on_refused: Callable[[int], Awaitable[None]]) -> None:
        self._esi = esi
        self._on_refused = on_refused
        self._turn = asyncio.Lock()

    async def ask(self, character_ids: Sequence[int], answer: BatchAnswer) -> None:
        """Request all into `answer`; never splits for errors that are not about the ids (420, 429, 5xx, time-outs).

        `answer` is given rather than returned, so that what was found is known even when this raises.

        Raises:
            EsiRefused: for another reason than the ids (401, 403).
            EsiUnavailable, EsiUnreadable
        """
        if not await self._accepted(character_ids, answer):
            async with self._turn:
                await self._split(character_ids, answer)

    async def _accepted(self, character_ids: Sequence[int], answer: BatchAnswer) -> bool:
        try:
            found = await self._esi.affiliations(character_ids)
        except EsiRefused as error:
            if error.status not in _ABOUT_THE_IDS:
                raise
            return False
        answer.affiliations.update({one.character_id: one for one in found})
        return True

    async def _split(self, refused: Sequence[int], answer: BatchAnswer) -> None:
        """`refused` was turned down as a whole: try its halves. A stack, so that a deep split needs no recursion."""
        pending = [refused]
        while pending:
            ids = pending.pop()
            if len(ids) == 1:
                answer.refused.add(ids[0])
                await self._on_refused(ids[0])
                continue
            middle = len(ids) // 2
            for half in (ids[middle:], ids[:middle]):
                await self._esi.spare_errors(_ERRORS_TO_SPARE)
                if not await self._accepted(half, answer):
                    pending.append(half)
