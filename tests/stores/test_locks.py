"""What every `LockService` and every `Lease` does: on Valkey, and in memory."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
import pytest_asyncio

from falcon_scheduler.adapters.redis.client import open_redis
from falcon_scheduler.adapters.redis.leases import RedisLease
from falcon_scheduler.adapters.redis.locks import RedisLockService
from falcon_scheduler.core.ports import Lease, LockService
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from tests.fakes.clock import SetClock
from tests.fakes.locks import MemoryLease, MemoryLockService

LONG, SHORT = timedelta(hours=1), timedelta(milliseconds=20)


@dataclass(frozen=True, kw_only=True)
class Guards:
    """One implementation of both ports, and a way to let `SHORT` pass on it."""

    locks: LockService
    lease: Lease
    let_short_pass: Callable[[], Awaitable[None]]


@pytest_asyncio.fixture(params=["valkey", "memory"])
async def guards(request: pytest.FixtureRequest, servers: EmbeddedStack) -> AsyncIterator[Guards]:
    if request.param == "memory":
        clock = SetClock()

        async def advance() -> None:
            clock.advance(SHORT)

        yield Guards(locks=MemoryLockService(clock), lease=MemoryLease(clock), let_short_pass=advance)
        return
    at = servers.environment
    async with open_redis(at["REDIS_HOST"], int(at["REDIS_PORT"]), at["REDIS_PASSWORD"], 0) as redis:
        yield Guards(
            locks=RedisLockService(redis),
            lease=RedisLease(redis),
            let_short_pass=lambda: asyncio.sleep(2 * SHORT.total_seconds()),
        )


@pytest.fixture
def name() -> str:
    """Of a task or an office that no other test uses."""
    return uuid.uuid4().hex


async def test_one_of_many_gets_the_lock(guards: Guards, name: str) -> None:
    asked = [guards.locks.acquire(name, f"run {number}", LONG) for number in range(8)]
    [lock] = [each for each in await asyncio.gather(*asked) if each is not None]
    assert lock.task_id == name
    assert lock.key == f"scheduler:lock:{name}"
    assert await guards.locks.holder(name) == lock.holder


async def test_the_holder_may_ask_again_and_locks_of_other_tasks_are_free(guards: Guards, name: str) -> None:
    first, again = [await guards.locks.acquire(name, "run", LONG) for _ in range(2)]
    assert first is not None
    assert again is not None
    assert again.fencing_token >= first.fencing_token
    assert await guards.locks.acquire(f"{name}-other", "another run", LONG) is not None


async def test_fencing_tokens_grow_from_holder_to_holder(guards: Guards, name: str) -> None:
    tokens = []
    for number in range(3):
        lock = await guards.locks.acquire(name, f"run {number}", LONG)
        assert lock is not None
        tokens.append(lock.fencing_token)
        await guards.locks.release(lock)
    assert tokens == sorted(set(tokens))


async def test_nobody_gives_back_or_extends_the_lock_of_another(guards: Guards, name: str) -> None:
    late = await guards.locks.acquire(name, "late", SHORT)
    assert late is not None
    await guards.let_short_pass()
    assert await guards.locks.holder(name) is None
    assert await guards.locks.acquire(name, "present", LONG) is not None
    assert not await guards.locks.extend(late, LONG)
    await guards.locks.release(late)
    assert not await guards.locks.release_of(name, "late")
    assert await guards.locks.holder(name) == "present"
    assert await guards.locks.release_of(name, "present")
    assert await guards.locks.holder(name) is None


async def test_an_extended_lock_is_held_for_longer_and_a_lost_one_is_taken_again(guards: Guards, name: str) -> None:
    lock = await guards.locks.acquire(name, "run", SHORT)
    assert lock is not None
    await guards.locks.extend(lock, LONG)
    await guards.let_short_pass()
    assert await guards.locks.acquire(name, "another", LONG) is None
    await guards.locks.release(lock)
    assert await guards.locks.extend(lock, LONG)
    assert await guards.locks.holder(name) == "run"


async def test_many_locks_are_extended_at_once_and_those_of_others_are_named(guards: Guards, name: str) -> None:
    ours = await guards.locks.acquire(name, "run", SHORT)
    lost = await guards.locks.acquire(f"{name} lost", "late", SHORT)
    assert ours is not None
    assert lost is not None
    await guards.let_short_pass()
    await guards.locks.acquire(f"{name} lost", "present", LONG)
    assert [*await guards.locks.extend_all([(ours, LONG), (lost, LONG)])] == [lost]
    assert await guards.locks.holder(name) == "run"
    assert [*await guards.locks.extend_all([])] == []


async def test_one_of_many_holds_an_office_and_keeps_it(guards: Guards, name: str) -> None:
    held = await asyncio.gather(*(guards.lease.hold(name, f"facade {number}", LONG) for number in range(8)))
    assert sum(held) == 1
    holder = f"facade {held.index(True)}"
    assert await guards.lease.hold(name, holder, LONG)
    assert not await guards.lease.hold(name, "another", LONG)
    await guards.lease.give_up(name, "another")
    assert not await guards.lease.hold(name, "another", LONG)
    await guards.lease.give_up(name, holder)
    assert await guards.lease.hold(name, "another", LONG)


async def test_an_office_comes_free_by_itself(guards: Guards, name: str) -> None:
    assert await guards.lease.hold(name, "died", SHORT)
    await guards.let_short_pass()
    assert await guards.lease.hold(name, "next", LONG)
