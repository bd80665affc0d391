"""A handful of the injected causes of `python -m tests.explain`, at one timing: each is named, and no other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.conftest import Scheduler
from tests.explain import by_people, of_time
from tests.explain.bench import Bench
from tests.explain.causes import Inject

INJECTIONS: tuple[Inject, ...] = (
    by_people.a_pause,
    by_people.a_disable_that_is_over,
    by_people.an_edit,
    of_time.a_day_that_a_calendar_excludes,
    of_time.a_pause_that_is_caught_up_with,
    of_time.an_edit_that_is_caught_up_with,
    of_time.an_end_date,
    of_time.an_instant_before_the_task,
    of_time.clocks_that_change,
)


@pytest.mark.usefixtures("worker")
@pytest.mark.timeout(900)
async def test_each_of_some_causes_at_once_is_the_one_that_is_named(
    scheduler: Scheduler, admin: httpx.AsyncClient, tmp_path: Path
) -> None:
    bench = Bench(shop=scheduler, api=admin, folder=tmp_path)
    await asyncio.gather(*(bench.named(inject) for inject in INJECTIONS))
    assert len(bench.right) >= len(INJECTIONS)
