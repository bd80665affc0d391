"""Each rule opens its alert once and lets it recover once: pure rules over runs as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_scheduler.core.domain.alert import Alert, AlertKind, AlertState, TaskAlerts, message_of
from falcon_scheduler.core.domain.alert_delivery import AlertEvent, Delivery, DeliveryState, delay_after
from falcon_scheduler.core.domain.alert_rules import AlertPolicy, is_stale, judge, last_sign_of, overdue_since
from falcon_scheduler.core.domain.execution import Execution, Trigger
from falcon_scheduler.core.domain.outcome import STALE_ERROR
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.services.tasks.fire_times import next_run
from tests.core.test_task_rules import NOON, a_task, ended

POLICY = AlertPolicy()
FAILED, FINE = False, True


def runs(outcomes: Sequence[bool]) -> list[Execution]:
    """Runs that ended so, oldest first."""
    return [ended(number, succeeded=outcome) for number, outcome in enumerate(outcomes)]


def story(kind: AlertKind, came: Sequence[Execution], task: Task | None = None) -> list[str]:
    """The events of one kind as run after run ends: `opened 3` after the third, and so on."""
    told: list[str] = []
    is_open = False
    for number in range(1, len(came) + 1):
        latest = list(reversed(came[:number]))[: POLICY.runs_needed]
        for _ in range(2):  # judged again, by another facade or because the outcome is reported twice
            finding = next((each for each in judge(task or a_task(), latest, POLICY) if each.kind is kind), None)
            if finding and finding.holds is not None and finding.holds != is_open:
                is_open = finding.holds
                told.append(f"{'opened' if is_open else 'recovered'} {number}")
    return told


def test_failures_in_a_row_are_reported_once_however_many_follow_and_so_is_their_end() -> None:
    outcomes = [FAILED, FAILED, FINE, FAILED, FAILED, FAILED, FAILED, FAILED, FINE, FINE, FAILED]
    assert story(AlertKind.FAILURES_IN_A_ROW, runs(outcomes)) == ["opened 6", "recovered 9"]


def test_a_run_that_a_user_cancelled_neither_breaks_a_row_nor_makes_it_longer() -> None:
    came = runs([FAILED] * 5)
    came[1] = replace(came[1]).cancelled(NOON)
    came[4] = replace(came[4]).cancelled(NOON)
    assert story(AlertKind.FAILURES_IN_A_ROW, came) == ["opened 4"]


def test_a_high_rate_is_reported_once_and_does_not_flap_about_its_threshold() -> None:
    shaky = [FAILED, FINE] * 15
    assert story(AlertKind.FAILURE_RATE, runs(shaky)) == ["opened 20"]
    assert story(AlertKind.FAILURE_RATE, runs([*shaky, FINE, FINE])) == ["opened 20"]
    assert story(AlertKind.FAILURE_RATE, runs([*shaky, FINE, FINE, FAILED, FAILED])) == ["opened 20"]
    assert story(AlertKind.FAILURE_RATE, runs(shaky + [FINE] * 8)) == ["opened 20", "recovered 33"]


def test_a_rate_needs_enough_runs() -> None:
    assert story(AlertKind.FAILURE_RATE, runs([FAILED] * 19)) == []


def test_a_system_tasks_failure_is_reported_at_once() -> None:
    system = a_task(source=Source.SYSTEM)
    came = runs([FINE, FAILED, FAILED, FINE])
    assert story(AlertKind.SYSTEM_TASK_FAILED, came, system) == ["opened 2", "recovered 4"]
    assert story(AlertKind.SYSTEM_TASK_FAILED, came) == []


def test_a_stale_run_is_reported_until_a_run_ends_otherwise() -> None:
    came = runs([FINE, FAILED, FAILED])
    came[1] = replace(came[1], error=STALE_ERROR)
    assert is_stale(came[1])
    assert story(AlertKind.STALE_RUN, came) == ["opened 2", "recovered 3"]


def test_a_run_that_began_late_is_reported_until_one_begins_in_time() -> None:
    came = [
        replace(ended(60 * hour), scheduled_for=NOON + timedelta(hours=hour, minutes=-late))
        for hour, late in enumerate([0, 4, 6, 7, 0, 0])
    ]
    created = a_task(updated_at=NOON - timedelta(days=1))
    assert story(AlertKind.LATE_RUN, came, created) == ["opened 3", "recovered 5"]
    changed = a_task(updated_at=NOON + timedelta(days=1))
    assert story(AlertKind.LATE_RUN, came, changed) == [], "what was owed before a change is owed no more"


def test_a_run_by_hand_has_no_time_to_be_late_for() -> None:
    by_hand = replace(ended(60), scheduled_for=NOON, trigger=Trigger.MANUAL)
    assert story(AlertKind.LATE_RUN, [by_hand]) == []


def due(task: Task, now: datetime) -> datetime | None:
    return overdue_since(next_run(task, last_sign_of(task)), task, now, POLICY)


def test_a_run_that_does_not_begin_is_overdue_from_the_threshold_on() -> None:
    hourly = a_task()  # made at noon, so due at one
    one = NOON + timedelta(hours=1)
    assert due(hourly, one) is None
    assert due(hourly, one + POLICY.late_after) is None
    assert due(hourly, one + POLICY.late_after + timedelta(seconds=1)) == one
    assert due(hourly, one + timedelta(days=3)) == one, "it is the first that is told"
    assert due(hourly.started("e1", one + timedelta(minutes=9), 1), one + timedelta(minutes=10)) is None
    assert due(hourly.skipped("e1", one), one + timedelta(minutes=10)) is None, "a skip was decided, not missed"


@pytest.mark.parametrize("change", ["paused", "disabled", "changed", "without alerts"])
def test_a_task_without_a_due_run_is_not_overdue(change: str) -> None:
    later = NOON + timedelta(hours=1, minutes=10)
    hourly = a_task()
    definition = hourly.definition
    task = {
        "paused": hourly.with_paused(True, "me", NOON),
        "disabled": hourly.with_enabled(False, "me", NOON),
        "changed": hourly.redefined(replace(definition, schedule="0 5 * * * *"), "me", later),
        "without alerts": hourly.redefined(replace(definition, alerts=TaskAlerts(enabled=False)), "me", NOON),
    }[change]
    assert due(task, later) is None


def test_a_run_that_began_a_moment_early_served_its_instant() -> None:
    one = NOON + timedelta(hours=1)
    early = a_task().started("e1", one - timedelta(milliseconds=200), 1)
    assert due(early, one + timedelta(minutes=10)) is None


def test_a_task_says_for_itself_what_is_too_much() -> None:
    definition = a_task().definition
    strict = replace(definition, alerts=TaskAlerts(failures_in_a_row=1, late_after=timedelta(seconds=30)))
    assert story(AlertKind.FAILURES_IN_A_ROW, runs([FAILED, FINE]), a_task(definition=strict)) == [
        "opened 1",
        "recovered 2",
    ]
    one = NOON + timedelta(hours=1)
    assert due(a_task(definition=strict), one + timedelta(seconds=31)) == one
    silent = replace(definition, alerts=TaskAlerts(enabled=False))
    assert story(AlertKind.FAILURES_IN_A_ROW, runs([FAILED] * 9), a_task(definition=silent)) == []


@given(st.lists(st.booleans(), max_size=60), st.sampled_from([*AlertKind]))
def test_whatever_happens_openings_and_recoveries_alternate(outcomes: list[bool], kind: AlertKind) -> None:
    told = story(kind, runs(outcomes), a_task(source=Source.SYSTEM))
    words = [each.split()[0] for each in told]
    assert words == ["opened", "recovered"] * (len(words) // 2) + ["opened"] * (len(words) % 2)


def an_alert(*channels: str) -> Alert:
    alert = Alert(id="a", kind=AlertKind.QUEUE_FULL, text="full", opened_at=NOON)
    return alert.announced_to(channels)


def test_what_is_to_be_sent_is_part_of_the_change() -> None:
    alert = an_alert("ops", "chat")
    assert [(each.event, each.channel) for each in alert.deliveries] == [
        (AlertEvent.OPENED, "ops"),
        (AlertEvent.OPENED, "chat"),
    ]
    over = alert.recovered(NOON + timedelta(minutes=1), "empty")
    assert over.state is AlertState.RECOVERED
    assert [each.event for each in over.deliveries[2:]] == [AlertEvent.RECOVERED] * 2
    assert over.recovered(NOON + timedelta(minutes=2), "again") == over


def test_a_recovery_does_not_overtake_its_opening() -> None:
    over = an_alert("ops").recovered(NOON, "empty")
    first = over.next_delivery("ops")
    assert first is not None
    assert first.event is AlertEvent.OPENED
    after = over.claimed(first, NOON)
    claimed = after.next_delivery("ops")
    assert claimed is not None
    second = after.delivered(claimed, NOON).next_delivery("ops")
    assert second is not None
    assert second.event is AlertEvent.RECOVERED


def test_an_attempt_belongs_to_whoever_claimed_it_first() -> None:
    alert = an_alert("ops")
    seen_by_both = _next(alert)
    after = alert.claimed(seen_by_both, NOON)
    assert after != alert
    assert after.claimed(seen_by_both, NOON) == after


def test_what_is_not_taken_is_tried_again_later_and_later_and_given_up_in_the_end() -> None:
    alert, now, waits = an_alert("ops"), NOON, []
    while _last(alert).state is DeliveryState.PENDING:
        alert = alert.claimed(_next(alert), now)
        alert = alert.failed(_next(alert), now, "status 500", timedelta(hours=24), final=False)
        waits.append(_last(alert).due_at - now)
        now = _last(alert).due_at
    assert waits[:3] == [timedelta(seconds=5), timedelta(seconds=20), timedelta(seconds=80)]
    assert waits[:-1] == sorted(waits[:-1])
    assert timedelta(hours=22) < now - NOON < timedelta(hours=26)
    assert _last(alert).state is DeliveryState.GIVEN_UP
    assert alert.next_delivery_at is None


def test_a_final_refusal_is_not_tried_again() -> None:
    alert = an_alert("ops").claimed(_next(an_alert("ops")), NOON)
    assert _last(alert.failed(_next(alert), NOON, "gone", timedelta(hours=24), final=True)).state is (
        DeliveryState.GIVEN_UP
    )


def test_a_late_yes_counts_whoever_has_tried_again_in_between() -> None:
    first = an_alert("ops").claimed(_next(an_alert("ops")), NOON)
    again = first.claimed(_next(first), NOON + timedelta(minutes=2))
    assert _last(again.delivered(_next(first), NOON)).state is DeliveryState.DELIVERED


def test_a_message_keeps_its_id_and_every_event_has_its_own() -> None:
    over = an_alert("ops").recovered(NOON, "empty")
    ids = {message_of(over, event).id for event in (AlertEvent.OPENED, AlertEvent.RECOVERED)}
    assert ids == {"msg_a_opened", "msg_a_recovered"}


def test_waits_grow_to_an_hour() -> None:
    assert delay_after(100) == timedelta(hours=1)


def _next(alert: Alert) -> Delivery:
    delivery = alert.next_delivery("ops")
    assert delivery is not None
    return delivery


def _last(alert: Alert) -> Delivery:
    return alert.deliveries[-1]
