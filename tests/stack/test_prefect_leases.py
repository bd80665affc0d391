"""Leases of Prefect's limits: known in memory, and there again after a restart of its server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.server.concurrency.lease_storage import (
    ConcurrencyLimitLeaseMetadata,
    filesystem,
    get_concurrency_lease_storage,
)
from prefect.server.concurrency.lease_storage.memory import ConcurrencyLeaseStorage as InMemory
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE, temporary_settings
from prefect.types._concurrency import ConcurrencyLeaseHolder

from falcon_scheduler.deployments.stack.prefect_leases import FOLDER, KnownLeases, keep_leases_in_memory

IN_FILES = "prefect.server.concurrency.lease_storage.filesystem"
MINUTE = timedelta(minutes=1)
ONE_SLOT = ConcurrencyLimitLeaseMetadata(
    slots=1, holder=ConcurrencyLeaseHolder(type="flow_run", id=UUID("0d1c2f0e-8f2b-4d0b-9a52-0a1c3a2f7d22"))
)
LIMIT = uuid4()
PrefectsStorage = filesystem.ConcurrencyLeaseStorage


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(filesystem, "ConcurrencyLeaseStorage", PrefectsStorage)  # taken back after the test
    forget(monkeypatch)
    return tmp_path


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a restarted server has forgotten what it knew."""
    monkeypatch.setattr(KnownLeases, "_instance", None)
    monkeypatch.setattr(KnownLeases, "_initialized", False)


def started(home: Path) -> KnownLeases:
    with temporary_settings({PREFECT_HOME: home, PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE: IN_FILES}):
        assert keep_leases_in_memory()
        assert keep_leases_in_memory()
        storage = get_concurrency_lease_storage()
        assert isinstance(storage, KnownLeases)
        assert get_concurrency_lease_storage() is storage
        return storage


async def test_leases_are_there_again_after_a_restart(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    InMemory()  # type: ignore[no-untyped-call]  # Prefect's own storage in memory is another one
    storage = started(home)
    kept, renewed, returned, bare = [
        await storage.create_lease([LIMIT], MINUTE, each) for each in (ONE_SLOT, ONE_SLOT, ONE_SLOT, None)
    ]
    assert await storage.renew_lease(renewed.id, 5 * MINUTE)
    await storage.revoke_lease(returned.id)
    forget(monkeypatch)
    again = started(home)
    assert again is not storage
    for lease in (kept, renewed, bare):
        assert await again.read_lease(lease.id) == lease
    assert renewed.expiration > datetime.now(UTC) + 4 * MINUTE
    assert await again.read_lease(returned.id) is None
    assert {lease for lease, _ in await again.list_holders_for_limit(LIMIT)} == {kept.id, renewed.id}
    assert not await again.renew_lease(returned.id, MINUTE)
    await again.revoke_lease(returned.id)


async def test_an_expired_lease_is_reported_until_it_is_returned(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = await started(home).create_lease([LIMIT], -MINUTE, ONE_SLOT)
    forget(monkeypatch)
    storage = started(home)
    assert await storage.read_expired_lease_ids() == [lease.id]
    assert await storage.read_active_lease_ids() == []
    await storage.revoke_lease(lease.id)
    assert await storage.read_expired_lease_ids() == []


async def test_leases_of_prefects_own_storage_are_taken_over_and_the_other_way_round(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with temporary_settings({PREFECT_HOME: home}):
        prefects = PrefectsStorage()
    theirs = await prefects.create_lease([LIMIT], MINUTE, ONE_SLOT)
    storage = started(home)
    assert await storage.read_lease(theirs.id) == theirs
    ours = await storage.create_lease([LIMIT], MINUTE, ONE_SLOT)
    assert await prefects.read_lease(ours.id) == ours
    await storage.revoke_lease(theirs.id)
    assert await prefects.read_lease(theirs.id) is None


async def test_a_file_that_can_not_be_read_is_removed_and_does_not_stop_the_start(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await started(home).create_lease([LIMIT], MINUTE, ONE_SLOT)
    broken = [home / FOLDER / f"{uuid4()}.json" for _ in range(3)]
    for file, text in zip(broken, ("{", "[]", json.dumps({"id": "x"})), strict=True):
        file.write_text(text)
    forget(monkeypatch)
    assert await started(home).read_active_lease_ids() == [lease.id]
    assert not any(file.exists() for file in broken)
    assert str(broken[0].name) in caplog.text


async def test_a_lease_that_can_not_be_stored_is_not_given(home: Path) -> None:
    storage = started(home)
    (home / FOLDER).rmdir()
    with pytest.raises(OSError, match=FOLDER):
        await storage.create_lease([LIMIT], MINUTE, ONE_SLOT)
    assert await storage.read_active_lease_ids() == []


@pytest.mark.parametrize("module", ["memory", "no_such_storage"])
def test_leases_that_prefect_is_told_to_keep_elsewhere_stay_there(module: str) -> None:
    with temporary_settings({PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE: IN_FILES.replace("filesystem", module)}):
        assert not keep_leases_in_memory()
    assert filesystem.ConcurrencyLeaseStorage is PrefectsStorage
