"""Has Prefect's server read the leases of its limits from memory. They are in files too, for the next start.

A task's deployment has a limit of one run. Prefect takes a lease at Pending and returns it at the end, while the
transaction is open and the rows are locked. Its storage in files locks, reads and writes a list of all expirations
for each of these steps, through other threads. Only one process uses the files (several servers share Redis,
docs/scaling.md), so what is in them can be known. The files have Prefect's format: either storage takes over what the
other has left. Source: Prefect 3.8.8, `server/concurrency/lease_storage`. The text for a request upstream is in
docs/decisions/0026-cheaper-prefect-server.md.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.server.concurrency.lease_storage import ConcurrencyLimitLeaseMetadata, filesystem
from prefect.server.concurrency.lease_storage.memory import ConcurrencyLeaseStorage
from prefect.server.utilities.leasing import ResourceLease
from prefect.settings.context import get_current_settings

logger = logging.getLogger(__name__)

Lease = ResourceLease[ConcurrencyLimitLeaseMetadata]

FOLDER = "concurrency_leases"
"""Below PREFECT_HOME, as in Prefect's storage."""

_EXPIRATIONS = "expirations.json"
"""Prefect's list of all expirations. Each lease's own file has its expiration too."""


class KnownLeases(ConcurrencyLeaseStorage):
    """Leases in memory, and each in a file of its own."""

    _instance = None  # not that of Prefect's storage in memory alone
    _initialized = False

    def __init__(self) -> None:
        """Every call returns the same storage. The first reads the files."""
        is_first = not self._initialized
        super().__init__()  # type: ignore[no-untyped-call]
        if is_first:
            self._folder = Path(get_current_settings().home) / FOLDER
            self._folder.mkdir(parents=True, exist_ok=True)
            for lease in self._stored():
                self.leases[lease.id] = lease
                self.expirations[lease.id] = lease.expiration

    async def create_lease(
        self, resource_ids: list[UUID], ttl: timedelta, metadata: ConcurrencyLimitLeaseMetadata | None = None
    ) -> Lease:
        """See Prefect's `LeaseStorage`."""
        lease = await super().create_lease(resource_ids, ttl, metadata)
        try:
            self._write(lease)
        except OSError:  # nobody has learned of it
            await super().revoke_lease(lease.id)
            raise
        return lease

    async def renew_lease(self, lease_id: UUID, ttl: timedelta) -> bool:
        """See Prefect's `LeaseStorage`."""
        renewed = await super().renew_lease(lease_id, ttl)
        if renewed:
            self._write(self.leases[lease_id])
        return renewed

    async def revoke_lease(self, lease_id: UUID) -> None:
        """See Prefect's `LeaseStorage`. The file goes first: a lease that came back would hold its slot."""
        self._file(lease_id).unlink(missing_ok=True)
        await super().revoke_lease(lease_id)

    def _file(self, lease_id: UUID) -> Path:
        return self._folder / f"{lease_id}.json"

    def _write(self, lease: Lease) -> None:
        """In whole or not at all."""
        new = self._folder / f".{lease.id}.tmp"
        new.write_text(json.dumps(_as_stored(lease)))
        os.replace(new, self._file(lease.id))

    def _stored(self) -> Iterator[Lease]:
        """All leases in files. One that can't be read counts as none, as for Prefect, and is removed."""
        for file in self._folder.glob("*.json"):
            if file.name == _EXPIRATIONS:
                continue
            try:
                yield _lease_in(json.loads(file.read_text()))
            except (ValueError, KeyError, TypeError):
                logger.warning("The lease in %s can't be read and is removed", file.name)
                file.unlink(missing_ok=True)


def keep_leases_in_memory() -> bool:
    """From now on, in this process, where Prefect is set to keep them in files. Repeatable.

    False when it keeps them elsewhere, or in a version of Prefect without that storage.
    """
    if get_current_settings().server.concurrency.lease_storage != filesystem.__name__:
        return False
    if not hasattr(filesystem, "ConcurrencyLeaseStorage"):
        logger.warning("This version of Prefect keeps leases in another way; it is left as it is")
        return False
    filesystem.ConcurrencyLeaseStorage = KnownLeases  # type: ignore[misc,assignment]
    return True


def _as_stored(lease: Lease) -> dict[str, Any]:
    return {
        "id": str(lease.id),
        "resource_ids": [str(each) for each in lease.resource_ids],
        "metadata": lease.metadata.model_dump(mode="json", exclude_none=True) if lease.metadata else None,
        "expiration": lease.expiration.isoformat(),
        "created_at": lease.created_at.isoformat(),
    }


def _lease_in(stored: dict[str, Any]) -> Lease:
    metadata, expiration = stored["metadata"], datetime.fromisoformat(stored["expiration"])
    return ResourceLease(
        id=UUID(stored["id"]),
        resource_ids=[UUID(each) for each in stored["resource_ids"]],
        metadata=ConcurrencyLimitLeaseMetadata.model_validate(metadata) if metadata else None,
        expiration=expiration if expiration.tzinfo else expiration.replace(tzinfo=UTC),
        created_at=datetime.fromisoformat(stored["created_at"]),
    )
