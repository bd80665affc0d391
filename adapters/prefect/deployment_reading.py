"""Reads deployments. One that Prefect can't send, or that we can't parse, does not lose the others.

There is no path that names deployments without their parameters, so a page that Prefect can't send is halved by
position. A deployment that is passed over still exists: use `is_there` to find out.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeVar

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.errors import translated
from falcon_scheduler.core.errors import EngineFault

logger = logging.getLogger(__name__)

PAGE = 25
"""Few enough that Prefect answers others in between: each takes up to a millisecond of its event loop."""
SORT = "NAME_ASC"
_COUNT: Any = "/deployments/count"

T = TypeVar("T")
Entry = Mapping[str, Any]


class DeploymentReading:
    """Reads by filter."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self._unreadable = 0
        self._unparsable: set[str] = set()

    async def pages(self, wanted: Mapping[str, Any]) -> AsyncIterator[Sequence[Entry]]:
        """All readable deployments that match, by name."""
        offset = 0
        unreadable = 0
        while True:
            found = await self._span(wanted, offset, PAGE)
            passed_over = found.count(None)
            unreadable += passed_over
            yield [each for each in found if each is not None]
            if len(found) < PAGE:
                break
            offset += PAGE
        self._note(unreadable)

    async def is_there(self, wanted: Mapping[str, Any]) -> bool:
        """Whether any deployment matches, readable or not."""
        with translated():
            return bool((await self._client.request("POST", _COUNT, json=dict(wanted))).json())

    def parsed(self, found: Sequence[Entry], parse: Callable[[Entry], T]) -> Sequence[T]:
        """What `parse` makes of each; one that it fails at is passed over, and logged once."""
        values: list[T] = []
        for entry in found:
            deployment_id = str(entry.get("id"))
            try:
                values.append(parse(entry))
                self._unparsable.discard(deployment_id)
            except Exception:  # other programs may have written anything into it
                if deployment_id not in self._unparsable:
                    logger.exception("Deployment %s can't be read", deployment_id)
                self._unparsable.add(deployment_id)
        return values

    async def _span(self, wanted: Mapping[str, Any], offset: int, limit: int) -> list[Entry | None]:
        """The deployments of a span, with None in the place of an unreadable one."""
        body = {**wanted, "offset": offset, "limit": limit, "sort": SORT}
        try:
            with translated():
                found: list[Entry | None] = (
                    await self._client.request("POST", "/deployments/filter", json=body)
                ).json()
            return found
        except EngineFault:
            await self.is_there(wanted)  # raises when the server or its database is away
            if limit == 1:
                return [None]
        half = limit // 2
        first = await self._span(wanted, offset, half)
        return first if len(first) < half else [*first, *await self._span(wanted, offset + half, limit - half)]

    def _note(self, unreadable: int) -> None:
        if unreadable > self._unreadable:
            logger.error("Prefect can't send %d of the deployments; the others are read", unreadable)
        self._unreadable = unreadable
