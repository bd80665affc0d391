"""Apprise: sends in its own threads, which may hang without an effect on others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from falcon_scheduler.adapters.settings import Settings, SettingsError
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from tests.alerts.conftest import Open
from tests.alerts.receiver import Receiver
from tests.conftest import wait_until

Make = Callable[..., AlertDelivery]


async def test_a_service_of_apprise_gets_an_alert_and_of_its_end(bench: Open, receiver: Receiver) -> None:
    facade = bench(apprise=f"chat={receiver.url('/chat', 'json')}")
    task = await facade.task(name="Market prices")
    await facade.end(task, False, False, False)
    await facade.deliver()
    await facade.end(task, True)
    await facade.deliver()
    told = [(each.json["type"], each.json["title"], each.json["message"]) for each in receiver.taken]
    assert told == [
        (
            "failure",
            "Alert: Market prices: failures in a row",
            "3 runs in a row failed, the last with: it went wrong",
        ),
        ("success", "Recovered: Market prices: failures in a row", "A run succeeded again"),
    ]


async def test_what_users_wrote_is_text_for_a_service_that_shows_html(bench: Open, receiver: Receiver) -> None:
    facade = bench(apprise=f"chat={receiver.url('/chat', 'json')}?format=html")
    task = await facade.task(name="<img src=x> & more")
    await facade.end(task, False, False, False, error="<b>no</b>")
    await facade.deliver()
    [told] = [each.json for each in receiver.taken]
    assert told["title"] == "Alert: <img src=x> & more: failures in a row", "a line of its own, which nobody renders"
    assert "<b>" not in told["message"]
    assert "&lt;b&gt;no&lt;/b&gt;" in told["message"]


async def test_a_failure_is_reported_without_any_part_of_the_address(delivery_of: Make, receiver: Receiver) -> None:
    receiver.answers = [500, 500]
    url = f"json://someuser:P4SSW0RD@127.0.0.1:{receiver.port}/S3CR3TP4TH?rto=5&-token=T0K3N"
    [outcome] = await delivery_of(apprise=url).test("apprise-1")
    assert "500" in outcome.error
    for secret in ("someuser", "P4SSW0RD", "S3CR3TP4TH", "T0K3N"):
        assert secret not in outcome.error


async def test_a_service_that_hangs_costs_two_threads_and_no_more(delivery_of: Make, receiver: Receiver) -> None:
    receiver.silent = True
    delivery = delivery_of(apprise=f"{receiver.url(scheme='json')}?rto=4", timeout="1s")
    first, second, third = [(await delivery.test())[0].error for _ in range(3)]
    assert first == second == "it was not taken within 1s"
    assert third == "earlier messages to it have not ended yet"
    receiver.silent = False

    async def works_again() -> bool:
        return not (await delivery.test())[0].error

    await wait_until(works_again, "the threads have ended and the service is told again")


@pytest.mark.parametrize("url", ["nothing://at/all", "slack://", "name with space=json://h"])
def test_a_url_that_apprise_does_not_know_stops_the_start_and_is_not_quoted(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERT_APPRISE", url)
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    assert set(refused.value.faults) == {"ALERT_APPRISE"}
    assert url not in str(refused.value)
