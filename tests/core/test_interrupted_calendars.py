"""Whatever call of a change of a calendar fails, and however: its tasks follow, and their plan is complete.

See `test_interrupted_operations`.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.calendars import CalendarDays, CalendarRules, CalendarVersion
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.errors import CalendarInUse, CalendarNotFound
from falcon_scheduler.core.services.mirror import reloading
from falcon_scheduler.core.services.tasks.fire_times import next_run
from tests.fakes.faults import Fault, Faults
from tests.fakes.records import entries_of
from tests.fakes.shop import ADMIN, Kept, Shop
from tests.fakes.trials import survived, trials

FREE, DAY = "free", timedelta(days=1)
USED = CalendarRules(exclude=(CalendarVersion(name=FREE),))


@pytest.fixture(autouse=True)
def removals_are_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reloading, "REMOVAL_KNOWN_AFTER", timedelta())


async def using(kept: Kept, shop: Shop) -> Task:
    """A task that runs each minute and is free on a day long past; another one that uses no calendar."""
    await shop.calendars.create(FREE, CalendarDays(dates=((kept.clock.now() - 9 * DAY).date(),)), "", ADMIN)
    await shop.task("another")
    return await shop.task(calendars=USED)


async def free_today(shop: Shop, task: Task) -> object:
    return await shop.calendars.change(FREE, {"dates": (shop.kept.clock.now().date(),)}, ADMIN)


async def follow(kept: Kept, shop: Shop) -> None:
    await shop.following.follow()


@pytest.mark.parametrize("kind", Fault)
async def test_a_change_of_a_calendar_reaches_the_plan_of_its_tasks_or_is_not_made(kind: Fault) -> None:
    async for trial in trials(using, free_today, kind, and_then=follow):
        calendar, task = trial.kept.calendars.rows[FREE], trial.present
        assert task is not None
        [used] = task.definition.calendars.exclude
        assert used == calendar.latest, trial.what
        assert calendar.version == 2 or not trial.succeeded, trial.what
        now = trial.kept.clock.now()
        following = next_run(task, now)
        assert following is not None
        ahead = [
            run.due_at
            for run in trial.kept.engine.of_deployment(str(task.deployment_id))
            if run.due_at and run.due_at > now
        ]
        if calendar.version == 2:
            assert task.known_periods[-1].since == calendar.updated_at, trial.what
            assert following.date() > calendar.updated_at.date(), trial.what
            assert all(each.date() > calendar.updated_at.date() for each in ahead), trial.what
            assert len([each for each in entries_of(trial.kept.audit, task.id) if each.action == "update"]) >= 1
        assert following in ahead, trial.what


async def test_a_deleted_calendar_goes_on_with_its_next_version_and_an_unused_one_goes() -> None:
    kept = Kept()
    shop = Shop(kept, Faults())
    task = await using(kept, shop)
    with pytest.raises(CalendarInUse, match="is used by 'a task'"):
        await shop.calendars.delete(FREE, ADMIN)
    await shop.tasks.update(task.id, {"calendars": CalendarRules()}, ADMIN)
    await shop.calendars.delete(FREE, ADMIN)
    with pytest.raises(CalendarNotFound):
        await shop.calendars.get(FREE)
    assert not await survived(shop.tasks.update(task.id, {"calendars": USED}, ADMIN))
    assert (await shop.calendars.create(FREE, CalendarDays(), "", ADMIN)).version == 2
