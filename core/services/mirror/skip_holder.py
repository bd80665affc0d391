"""Finds the execution because of which the engine skipped a run.

The engine refuses a run by its limit of one run for each task, and does not name the run that was at work. The
history does: it is the one that had begun before the refusal and had not ended.
"""

from __future__ import annotations

from datetime import datetime

from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus
from falcon_scheduler.core.ports import ExecutionFilter, ExecutionStore, PageRequest

LOOKED_AT = PageRequest(size=10, brief=True)


async def holder_at(executions: ExecutionStore, skipped: Execution, instant: datetime) -> str:
    """Id of the task's execution that was at work at the instant; empty if that is not certain."""
    wanted = ExecutionFilter(task_id=skipped.task_id, until=instant)
    page = await executions.list(wanted, LOOKED_AT)
    present = [each for each in page.items if each.id != skipped.id and _was_there(each, instant)]
    begun = [each for each in present if each.status is not ExecutionStatus.PENDING]
    if begun:
        return begun[0].id
    return present[0].id if len(present) == 1 else ""  # a worker had claimed it and it had not begun yet


def _was_there(execution: Execution, instant: datetime) -> bool:
    return execution.completed_at is None or execution.completed_at >= instant
