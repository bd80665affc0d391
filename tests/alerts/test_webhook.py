"""Webhooks: signed, tried again, and kept away from what is none of their business."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import timedelta

from falcon_scheduler.adapters.alerts.webhook import key_of, signature
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from tests.alerts.conftest import SECRET, Open
from tests.alerts.receiver import Receiver, Taken

Make = Callable[..., AlertDelivery]


def verified(request: Taken) -> bool:
    """What a receiver does, see docs/alerts.md."""
    message_id, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = b".".join([message_id.encode(), timestamp.encode(), request.body])
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, each) for each in request.headers["webhook-signature"].split())


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    """Source: Standard Webhooks, the example that its libraries are tested with."""
    signed = signature(key_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_webhook_is_signed_so_that_its_receiver_can_verify_it(delivery_of: Make, receiver: Receiver) -> None:
    [outcome] = await delivery_of(webhooks=f"ops={receiver.url()}").test("ops")
    assert outcome.error == ""
    [request] = receiver.taken
    assert verified(request)
    request.body += b" "
    assert not verified(request), "what was changed on its way does not verify"
    assert request.headers["content-type"] == "application/json"
    assert request.json["type"] == "alert.test"


async def test_an_address_inside_is_refused_unless_it_is_allowed(delivery_of: Make, receiver: Receiver) -> None:
    [outcome] = await delivery_of(webhooks=receiver.url(), http_allow=()).test()
    assert "SCHEDULER_HTTP_ALLOW" in outcome.error
    assert receiver.taken == []


async def test_a_redirect_is_not_followed(delivery_of: Make, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [302], {"Location": receiver.url("/elsewhere")}
    [outcome] = await delivery_of(webhooks=receiver.url()).test()
    assert "302" in outcome.error
    assert len(receiver.taken) == 1


async def test_no_text_reveals_the_secret_in_an_address(delivery_of: Make, receiver: Receiver) -> None:
    receiver.answers = [500]
    delivery = delivery_of(webhooks=f"{receiver.url('/services/T0PS3CR3T')}?token=T0K3N, http://127.0.0.1:1/S3CR3T")
    outcomes = await delivery.test()
    assert [each.channel for each in outcomes] == ["webhook-1", "webhook-2"]
    assert all(each.error for each in outcomes)
    assert not any(secret in repr(outcomes) for secret in ("T0PS3CR3T", "T0K3N", "S3CR3T"))


async def test_a_failed_webhook_is_tried_again_under_the_same_id_until_it_is_taken(
    bench: Open, receiver: Receiver
) -> None:
    receiver.answers = [500, 503]
    facade = bench(webhooks=f"ops={receiver.url()}")
    await facade.end(await facade.task(), False, False, False)
    for wait_seconds in (0, 6, 21):
        facade.clock.ahead += timedelta(seconds=wait_seconds)
        await facade.deliver()
        await facade.deliver()  # too soon after what just failed
    assert receiver.alerts_received() == [("alert.opened", "failures_in_a_row")] * 3
    assert len({each.headers["webhook-id"] for each in receiver.taken}) == 1
    assert all(verified(each) for each in receiver.taken)
    [alert] = await facade.opened()
    assert [(each.state, each.attempts) for each in alert.deliveries] == [("delivered", 3)]


async def test_gone_means_never_again(bench: Open, receiver: Receiver) -> None:
    receiver.answers = [410]
    facade = bench(webhooks=receiver.url())
    await facade.end(await facade.task(), False, False, False)
    await facade.deliver()
    [alert] = await facade.opened()
    assert alert.deliveries[0].state == "given_up"
    assert "410" in alert.deliveries[0].error


async def test_a_receiver_that_does_not_answer_keeps_nobody_waiting_but_itself(
    bench: Open, receiver: Receiver
) -> None:
    receiver.silent = True
    facade = bench(webhooks=f"slow={receiver.url('/slow')}, away=http://127.0.0.1:1/x", timeout="3s")
    await facade.end(await facade.task(), False, False, False)
    waiting = asyncio.create_task(facade.alerts.delivery.deliver("slow"))
    await facade.alerts.delivery.deliver("away")
    assert not waiting.done()
    await waiting
    [alert] = await facade.opened()
    assert {each.channel: each.state for each in alert.deliveries} == {"slow": "pending", "away": "pending"}
    assert {each.channel: each.error for each in alert.deliveries} == {
        "slow": "No complete answer within 3s",
        "away": "The connection was refused: nothing listens there",
    }
