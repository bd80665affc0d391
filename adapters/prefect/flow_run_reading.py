"""Reads flow runs. One that Prefect can't send does not lose the others.

Prefect answers 500 to a page that contains a flow run with, for example, a number beyond 64 bits in its parameters
(PrefectHQ/prefect 15031). Then the ids of the page are read at a path that sends no parameters, and the page is
halved until the run is found. It is replaced by what can be read of it: all of it if Prefect sends it alone, else its
states and its deployment. For a while it is left out of other requests.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from pydantic import ValidationError

from falcon_scheduler.adapters.prefect.errors import Gone, translated
from falcon_scheduler.adapters.prefect.unreadable import Quarantine
from falcon_scheduler.core.errors import EngineFault

logger = logging.getLogger(__name__)

PAGE = 200
"""The most that Prefect's API returns at once. Source: prefect 3.8, `PREFECT_API_DEFAULT_LIMIT`."""
SORT = "ID_DESC"
BRIEF: Any = "/ui/flow_runs/history"  # missing in the client's list of paths
STATES: Any = "/flow_run_states/"
IN_ANY_POOL: Mapping[str, Any] = {}


class FlowRunReading:
    """Reads by filter. `quarantine` holds what could not be read."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client
        self.quarantine = Quarantine()

    async def pages(
        self, wanted: Mapping[str, Any], beyond: Mapping[str, Any] = IN_ANY_POOL
    ) -> AsyncIterator[Sequence[FlowRun]]:
        """All flow runs that match, by id. `beyond` are filters about something else than flow runs."""
        left_out = set(self.quarantine.left_out())
        offset = 0
        while True:
            flow_runs, seen = await self._page(wanted, beyond, offset, left_out)
            if flow_runs:
                yield flow_runs
            if seen < PAGE:
                return
            offset += PAGE

    async def of_ids(self, flow_run_ids: Sequence[str]) -> Sequence[FlowRun]:
        """Those of at most `PAGE` ids that there are."""
        return [each async for page in self.pages({"id": {"any_": [*flow_run_ids]}}) for each in page]

    async def read_again(self, flow_run_id: str) -> bool:
        """Whether a flow run can be read now, however short a time ago it could not. One that is gone counts so."""
        try:
            _, seen = await self._read({"id": {"any_": [flow_run_id]}}, {}, 0)
        except EngineFault:
            self.quarantine.add(flow_run_id)
            return False
        if not seen:
            self.quarantine.release(flow_run_id)
        return flow_run_id not in self.quarantine

    async def is_sent(self, flow_run_id: str) -> bool:
        """Whether Prefect can send a flow run, even if our client can't parse it."""
        try:
            await self._send({"id": {"any_": [flow_run_id]}}, {}, 0)
        except EngineFault:
            return False
        return True

    async def ids(self, wanted: Mapping[str, Any], beyond: Mapping[str, Any] = IN_ANY_POOL) -> Sequence[str]:
        """Ids of at most `PAGE` flow runs, readable or not."""
        return [str(entry["id"]) for entry in await self._brief(wanted, beyond, 0)]

    async def _page(
        self, wanted: Mapping[str, Any], beyond: Mapping[str, Any], offset: int, left_out: Collection[str]
    ) -> tuple[Sequence[FlowRun], int]:
        """One page, and how many flow runs Prefect counts in it."""
        if not left_out:
            try:
                return await self._read(wanted, beyond, offset)
            except EngineFault:
                logger.debug("A page of flow runs can't be read; looking for the one that is to blame")
        # An answer also proves that the server and its database are available.
        ids = [str(entry["id"]) for entry in await self._brief(wanted, beyond, offset)]
        readable = await self._by_halves([each for each in ids if each not in left_out])
        return [*readable, *await self._substitutes([each for each in ids if each in left_out])], len(ids)

    async def _by_halves(self, ids: Sequence[str]) -> Sequence[FlowRun]:
        if not ids:
            return []
        try:
            return (await self._read({"id": {"any_": [*ids]}}, {}, 0))[0]
        except EngineFault:
            if len(ids) == 1:
                self.quarantine.add(ids[0])
                return await self._substitutes(ids)
        half = len(ids) // 2
        return [*await self._by_halves(ids[:half]), *await self._by_halves(ids[half:])]

    async def _read(
        self, wanted: Mapping[str, Any], beyond: Mapping[str, Any], offset: int
    ) -> tuple[Sequence[FlowRun], int]:
        """One page as Prefect sends it, and how many flow runs it counts. Raises `EngineFault`."""
        found = await self._send(wanted, beyond, offset)
        flow_runs, unparsable = _parsed(found)
        for flow_run in flow_runs:
            self.quarantine.release(str(flow_run.id))
        for flow_run_id in unparsable:
            self.quarantine.add(flow_run_id)
        return [*flow_runs, *await self._substitutes(unparsable)], len(found)

    async def _send(
        self, wanted: Mapping[str, Any], beyond: Mapping[str, Any], offset: int
    ) -> Sequence[Mapping[str, Any]]:
        with translated():
            answer = await self._client.request("POST", "/flow_runs/filter", json=_body(wanted, beyond, offset))
        found: Sequence[Mapping[str, Any]] = answer.json()
        return found

    async def _brief(
        self, wanted: Mapping[str, Any], beyond: Mapping[str, Any], offset: int
    ) -> Sequence[Mapping[str, Any]]:
        """Id, state type and time of flow runs."""
        with translated():
            answer = await self._client.request("POST", BRIEF, json=_body(wanted, beyond, offset))
        found: Sequence[Mapping[str, Any]] = answer.json()
        return found

    async def _substitutes(self, ids: Sequence[str]) -> Sequence[FlowRun]:
        """What can be read of unreadable flow runs. Runs without a deployment are ignored."""
        found: list[FlowRun] = []
        for flow_run_id in ids:
            try:
                found += await self._substitute(flow_run_id)
            except EngineFault:
                logger.debug("Nothing of flow run %s can be read", flow_run_id)
        return found

    async def _substitute(self, flow_run_id: str) -> Sequence[FlowRun]:
        try:
            with translated():
                return [await self._client.read_flow_run(UUID(flow_run_id))]
        except Gone:
            return []
        except (EngineFault, ValidationError):
            return await self._outline(flow_run_id)

    async def _outline(self, flow_run_id: str) -> Sequence[FlowRun]:
        named = {"id": {"any_": [flow_run_id]}}
        with translated():
            body = {"flow_runs": named, "limit": 1}
            deployments = (await self._client.request("POST", "/deployments/filter", json=body)).json()
            answer = await self._client.request("GET", STATES, params={"flow_run_id": flow_run_id})
        brief = await self._brief(named, {}, 0)
        if not deployments or not brief:
            return []
        states = sorted((State[Any].model_validate(each) for each in answer.json()), key=lambda each: each.timestamp)
        due_at = datetime.fromisoformat(str(brief[0]["timestamp"]).replace("Z", "+00:00"))
        began = [each.timestamp for each in states if each.type is StateType.RUNNING]
        ended = [each.timestamp for each in states if each.is_final()]
        return [
            FlowRun(
                id=flow_run_id,
                name="unreadable",
                flow_id=deployments[0]["flow_id"],
                deployment_id=deployments[0]["id"],
                state=states[-1] if states else None,
                expected_start_time=due_at,
                start_time=began[0] if began else None,
                end_time=ended[-1] if ended else None,
            )
        ]


def _body(wanted: Mapping[str, Any], beyond: Mapping[str, Any], offset: int) -> dict[str, Any]:
    flow_runs = FlowRunFilter.model_validate(wanted).model_dump(mode="json")
    return {"flow_runs": flow_runs, **beyond, "sort": SORT, "limit": PAGE, "offset": offset}


def _parsed(found: Sequence[Mapping[str, Any]]) -> tuple[Sequence[FlowRun], Sequence[str]]:
    """Flow runs, and the ids of those that our client does not understand."""
    try:
        return FlowRun.model_validate_list([*found]), []
    except ValidationError:
        flow_runs, unparsable = [], []
    for entry in found:
        try:
            flow_runs.append(FlowRun.model_validate(entry))
        except ValidationError:
            unparsable.append(str(entry["id"]))
    return flow_runs, unparsable
