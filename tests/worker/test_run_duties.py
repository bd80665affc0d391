"""What is done for a run that lasts: in time, once, again after a while, or not any more."""

from __future__ import annotations

from falcon_scheduler.flows.worker.run_duties import RunDuties


async def test_duties_are_done_in_the_order_in_which_they_are_due() -> None:
    duties, done = RunDuties(), list[str]()

    async def show() -> None:
        done.append("show")

    async def renew() -> float | None:
        done.append("renew")
        return 5.0 if done.count("renew") < 2 else None

    duties.add("show", 30, show)
    duties.add("renew", 10, renew)
    while duties.next_at is not None:
        await duties.work()
    assert done == ["renew", "renew", "show"]


async def test_a_duty_is_replaced_by_another_of_its_name_and_dropped_when_it_no_longer_applies() -> None:
    duties, done = RunDuties(), list[int]()

    async def note(value: int) -> None:
        done.append(value)

    duties.add("show", 10, lambda: note(1))
    duties.add("show", 20, lambda: note(2))
    duties.add("turn", 5, lambda: note(3))
    assert duties.drop("turn")
    assert not duties.drop("turn")
    await duties.work()
    assert done == [2]
    assert duties.next_at is None
