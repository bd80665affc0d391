"""What every `AuditStore` does, whatever server it is on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from falcon_scheduler.core.domain.audit import Action, AuditEntry, ChangeOutcome, Door, Origin
from falcon_scheduler.core.ports import AuditFilter, AuditStore, PageRequest
from tests.stores.conftest import StoresUnderTest
from tests.stores.samples import MINUTE, NOON


@pytest.fixture
def store(stores: StoresUnderTest) -> AuditStore:
    return stores.audit


def an_entry(id: str, minutes: int = 0, **fields: Any) -> AuditEntry:
    given = {
        "user_id": "u",
        "character_id": 1,
        "action": Action.UPDATE,
        "task_id": "t",
        "origin": Origin(request_id="r", door=Door.BULK),
        **fields,
    }
    return AuditEntry(id=id, at=NOON + minutes * MINUTE, **given)


async def ids(store: AuditStore, page: PageRequest | None = None, **wanted: Any) -> list[str]:
    return [each.id for each in (await store.list(AuditFilter(**wanted), page or PageRequest())).items]


async def test_an_entry_is_stored_and_settled(store: AuditStore) -> None:
    entry = an_entry("a", before={"name": "x"}, after={"config": {"a.b": [1, None]}})
    await store.add(entry)
    assert [*(await store.list(AuditFilter(), PageRequest())).items] == [entry]
    settled = replace(
        entry, outcome=ChangeOutcome.FAILED, error="unavailable", before={}, after={"paused": True}, ended_at=NOON
    )
    await store.settle(settled)
    assert [*(await store.list(AuditFilter(), PageRequest())).items] == [settled]


async def test_an_entry_of_no_task_is_kept_as_one(store: AuditStore) -> None:
    await store.add(an_entry("a", task_id=None, action=Action.RELOAD))
    [entry] = (await store.list(AuditFilter(), PageRequest())).items
    assert entry.task_id is None


async def test_what_is_withdrawn_is_gone_and_is_not_settled(store: AuditStore) -> None:
    await store.add(an_entry("a"))
    await store.withdraw("a")
    await store.withdraw("a")
    await store.settle(an_entry("a", outcome=ChangeOutcome.APPLIED))
    assert await ids(store) == []


async def test_entries_are_filtered_paged_and_newest_first(store: AuditStore) -> None:
    await store.add(an_entry("b", 1, user_id="v"))
    await store.add(an_entry("a", 1, task_id="other"))
    await store.add(an_entry("c", 2, action=Action.DELETE, outcome=ChangeOutcome.REFUSED))
    assert await ids(store) == ["c", "a", "b"]
    assert await ids(store, PageRequest(page=2, size=2)) == ["b"]
    assert await ids(store, task_id="t") == ["c", "b"]
    assert await ids(store, user_id="v") == ["b"]
    assert await ids(store, actions=frozenset({Action.DELETE})) == ["c"]
    assert await ids(store, actions=frozenset({Action.DELETE, Action.UPDATE, Action.PAUSE})) == ["c", "a", "b"]
    assert await ids(store, outcome=ChangeOutcome.INTENDED) == ["a", "b"]
    assert await ids(store, since=NOON + 2 * MINUTE) == ["c"]
    assert await ids(store, until=NOON + 2 * MINUTE) == ["a", "b"]
    assert (await store.list(AuditFilter(task_id="t"), PageRequest(size=1))).total == 2


async def test_the_oldest_are_removed_first(store: AuditStore) -> None:
    for number in range(4):
        await store.add(an_entry(f"e{number}", number))
    assert await store.delete_before(NOON + 3 * MINUTE, limit=2) == 2
    assert await ids(store) == ["e3", "e2"]
    assert await store.delete_before(NOON + 3 * MINUTE, limit=2) == 1
    assert await store.delete_before(NOON + 3 * MINUTE, limit=2) == 0
