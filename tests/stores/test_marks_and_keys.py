"""What every `Watermark` and every `KeyedRequestStore` does, whatever server it is on."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from falcon_scheduler.core.ports.keyed import KeyedRequest
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON


def a_request(run_key: str = "run", minutes: int = 0) -> KeyedRequest:
    return KeyedRequest(id="caller task key", digest="d", run_key=run_key, asked_at=NOON + minutes * MINUTE)


async def test_a_watermark_never_moves_back(stores: StoresUnderTest) -> None:
    mark = stores.watermark
    assert await mark.read("mirror") is None
    await mark.write("mirror", NOON)
    await mark.write("mirror", NOON - MINUTE)
    await mark.write("another", NOON - MINUTE)
    assert await mark.read("mirror") == NOON
    await mark.write("mirror", NOON + MINUTE)
    assert await mark.read("mirror") == NOON + MINUTE
    assert await mark.read("another") == NOON - MINUTE


async def test_the_first_request_of_a_key_is_the_one_that_counts(stores: StoresUnderTest) -> None:
    keyed = stores.keyed
    assert await keyed.find(a_request().id, NOON) is None
    first = a_request()
    assert await keyed.claim(first, NOON) == first
    assert await keyed.claim(a_request("later", 1), NOON) == first
    assert await keyed.find(first.id, NOON) == first


async def test_of_several_claims_at_once_one_counts(stores: StoresUnderTest) -> None:
    claims = [stores.keyed.claim(a_request(f"run {number}"), NOON - MINUTE) for number in range(6)]
    assert len({claim.run_key for claim in await asyncio.gather(*claims)}) == 1


async def test_the_answer_of_a_request_is_kept(stores: StoresUnderTest) -> None:
    keyed, asked = stores.keyed, a_request()
    answered = replace(asked, execution_id="e", started_at=NOON + MINUTE)
    await keyed.answer(answered)
    assert await keyed.find(asked.id, NOON) is None
    await keyed.claim(asked, NOON)
    await keyed.answer(replace(answered, run_key="of another request"))
    assert await keyed.find(asked.id, NOON) == asked
    await keyed.answer(answered)
    assert await keyed.claim(a_request("again", 1), NOON) == answered


async def test_a_key_may_be_used_anew_once_its_request_is_too_old(stores: StoresUnderTest) -> None:
    keyed = stores.keyed
    await keyed.claim(a_request(), NOON)
    assert await keyed.find(a_request().id, NOON + MINUTE) is None
    again = a_request("again", 2)
    assert await keyed.claim(again, NOON + MINUTE) == again
    assert await keyed.find(again.id, NOON + MINUTE) == again
