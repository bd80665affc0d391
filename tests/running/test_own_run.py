"""What a run reports to the engine and asks of it: failures are errors of ours, whatever Prefect's client raises."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, temporary_settings

from falcon_scheduler.adapters.prefect.client import client_of_run
from falcon_scheduler.adapters.prefect.own_run import PrefectOwnRun
from falcon_scheduler.adapters.prefect.runs import PrefectRuns
from falcon_scheduler.adapters.prefect.secrets import PrefectSecrets
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import SecretMissing
from tests.fakes.clock import SetClock


def prefect_at(api_url: str) -> AbstractContextManager[object]:
    """Prefect read its settings when this process began, before there was a server."""
    return temporary_settings({PREFECT_API_URL: api_url})


def calls() -> dict[str, Callable[[], Awaitable[object]]]:
    """Every call, of a run that Prefect does not have (any more)."""
    flow_run = FlowRun(
        flow_id=uuid.uuid4(), deployment_id=uuid.uuid4(), expected_start_time=datetime.now(UTC), run_count=1
    )
    run = PrefectOwnRun(flow_run)
    return {
        "show a retry": lambda: run.show_retry("it failed"),
        "show the progress": lambda: run.show_progress(50.0, "half"),
        "ask whether to give way": run.has_to_give_way,
        "ask whether another has begun": run.is_behind,
        "give way": run.give_way,
        "end again": lambda: run.end_again(logging.getLogger("a run"), None),
        "cancel another": cancel_another,
        "read a secret": lambda: PrefectSecrets().read("no-such-block"),
    }


async def cancel_another() -> None:
    async with client_of_run() as client:
        await PrefectRuns(client, SetClock()).cancel(str(uuid.uuid4()))


async def answers_at(api_url: str, *, but: str = "") -> dict[str, type | None]:
    """What each call but one raises there."""
    with prefect_at(api_url):
        asked = {name: call() for name, call in calls().items() if name != but}
        answers = await asyncio.gather(*asked.values(), return_exceptions=True)
    raised = [type(answer) if isinstance(answer, Exception) else None for answer in answers]
    return dict(zip(asked, raised, strict=True))


@pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow")
async def test_every_call_of_an_engine_that_is_away_says_that_it_is_not_available() -> None:
    raised = await answers_at("http://127.0.0.1:1/api")
    assert raised == dict.fromkeys(raised, Unavailable)


async def test_a_run_that_was_deleted_meanwhile_is_no_error_of_its_process(settings: Settings) -> None:
    raised = await answers_at(settings.prefect.api_url, but="show the progress")  # emits events
    assert raised == dict.fromkeys(raised, None) | {"read a secret": SecretMissing}
