"""The stores that announce what they have written, for those who watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.mongo.audit import MongoAuditStore
from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.executions import MongoExecutionStore
from falcon_scheduler.adapters.mongo.tasks import MongoTaskStore
from falcon_scheduler.core.domain.alert import Alert
from falcon_scheduler.core.domain.audit import AuditEntry
from falcon_scheduler.core.domain.execution import Execution
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports import Beginning
from falcon_scheduler.core.ports.events import Announcer, Happening, Subject


class AnnouncingTaskStore(MongoTaskStore):
    """Announces each task that is created, changed or removed."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        super().__init__(database)
        self._announcer = announcer

    async def insert(self, task: Task) -> Task:
        stored = await super().insert(task)
        self._tell(stored)
        return stored

    async def _write(self, present: Task, wanted: Task) -> bool:
        written = await super()._write(present, wanted)
        if written:
            self._tell(wanted)
        return written

    async def delete(self, task_id: str, *, revision: int | None = None) -> bool:
        deleted = await super().delete(task_id, revision=revision)
        if deleted:
            self._announcer.announce(Happening(subject=Subject.TASK, id=task_id, task_id=task_id, removed=True))
        return deleted

    def _tell(self, task: Task) -> None:
        self._announcer.announce(
            Happening(subject=Subject.TASK, id=task.id, task_id=task.id, status=str(task.status))
        )


class AnnouncingExecutionStore(MongoExecutionStore):
    """Announces each execution that waits, begins, ends or is skipped."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        super().__init__(database)
        self._announcer = announcer

    async def add(self, execution: Execution) -> bool:
        added = await super().add(execution)
        if added:
            self._tell(execution)
        return added

    async def begin(self, execution: Execution) -> Beginning:
        beginning = await super().begin(execution)
        if beginning is Beginning.BEGUN:
            self._tell(execution)
        return beginning

    async def finish(self, execution: Execution, *, fenced: bool = False) -> bool:
        finished = await super().finish(execution, fenced=fenced)
        if finished:
            self._tell(execution)
        return finished

    async def finish_all(self, executions: Sequence[Execution]) -> Sequence[Execution]:
        finished = await super().finish_all(executions)
        for execution in finished:
            self._tell(execution)
        return finished

    def _tell(self, execution: Execution) -> None:
        self._announcer.announce(
            Happening(
                subject=Subject.EXECUTION,
                id=execution.id,
                task_id=execution.task_id,
                status=str(execution.status),
            )
        )


class AnnouncingAlertStore(MongoAlertStore):
    """Announces each alert that opens or changes."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        super().__init__(database)
        self._announcer = announcer

    async def open(self, alert: Alert) -> bool:
        opened = await super().open(alert)
        if opened:
            self._tell(alert)
        return opened

    async def change(self, alert_id: str, change: Callable[[Alert], Alert]) -> Alert | None:
        changed = await super().change(alert_id, change)
        if changed is not None:
            self._tell(changed)
        return changed

    def _tell(self, alert: Alert) -> None:
        self._announcer.announce(
            Happening(
                subject=Subject.ALERT, id=alert.id, task_id=alert.subject.task_id or "", status=str(alert.state)
            )
        )


class AnnouncingAuditStore(MongoAuditStore):
    """Announces each entry whose outcome is known."""

    def __init__(self, database: Database, announcer: Announcer) -> None:
        super().__init__(database)
        self._announcer = announcer

    async def settle(self, entry: AuditEntry) -> None:
        await super().settle(entry)
        self._announcer.announce(
            Happening(subject=Subject.AUDIT, id=entry.id, task_id=entry.task_id or "", status=str(entry.outcome))
        )
