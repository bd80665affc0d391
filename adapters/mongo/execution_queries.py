"""The MongoDB queries of a list of executions.

A skipped execution is stored with the status `skipped`, which no other one has. So every query by one of the
documented statuses leaves skipped executions out, also those of go-falcon. An execution that an earlier version or
go-falcon stored has no `outcome`; the query derives it from the error, as the reader does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from falcon_scheduler.adapters.mongo.fields import one_of
from falcon_scheduler.core.domain.execution import ExecutionStatus
from falcon_scheduler.core.domain.outcome import (
    CANCELLED_ERROR,
    CRASHED_STARTS,
    FAILURES,
    TIMED_OUT_START,
    ExecutionOutcome,
)
from falcon_scheduler.core.ports import ExecutionFilter

SKIPPED = str(ExecutionOutcome.SKIPPED)
"""The stored status of a skipped execution."""
NOT_SKIPPED: Mapping[str, Any] = {"status": {"$ne": SKIPPED}}
NOTHING: Mapping[str, Any] = {"_id": {"$in": []}}

_BY_ERROR: Mapping[ExecutionOutcome, Mapping[str, Any]] = {
    ExecutionOutcome.CANCELLED: {"error": CANCELLED_ERROR},
    ExecutionOutcome.TIMED_OUT: {"error": {"$regex": f"^{re.escape(TIMED_OUT_START)}"}},
    ExecutionOutcome.CRASHED: {"error": {"$regex": f"^(?:{'|'.join(map(re.escape, CRASHED_STARTS))})"}},
}
"""How the executions are found that are stored without an outcome; see `core.domain.outcome.outcome_by_error`."""


def query_of(wanted: ExecutionFilter) -> dict[str, Any]:
    """The query of a filter. Without statuses and outcomes it includes skipped executions; see `NOT_SKIPPED`."""
    query: dict[str, Any] = {}
    if wanted.task_id is not None:
        query["task_id"] = wanted.task_id
    if wanted.outcomes:
        query |= _of_outcomes(wanted)
    elif wanted.statuses:
        query["status"] = one_of([str(each) for each in wanted.statuses])
    bounds = {"$gte": wanted.since, "$lt": wanted.until}
    if given := {operator: instant for operator, instant in bounds.items() if instant is not None}:
        query["started_at"] = given
    return query


def _of_outcomes(wanted: ExecutionFilter) -> Mapping[str, Any]:
    """Executions with one of the outcomes that are shown with one of the statuses."""
    statuses = {*(wanted.statuses or ExecutionStatus)}
    stored: list[str] = []
    if ExecutionOutcome.COMPLETED in wanted.outcomes and ExecutionStatus.COMPLETED in statuses:
        stored.append(str(ExecutionStatus.COMPLETED))
    failures = FAILURES & {*wanted.outcomes} if ExecutionStatus.FAILED in statuses else frozenset()
    if ExecutionOutcome.SKIPPED in wanted.outcomes and ExecutionStatus.FAILED in statuses:
        stored.append(SKIPPED)
    if failures == FAILURES:
        stored.append(str(ExecutionStatus.FAILED))
    either: list[Mapping[str, Any]] = [{"status": one_of(stored)}] if stored else []
    if failures and failures != FAILURES:
        either.append(_of_failures(failures))
    if not either:
        return NOTHING
    return either[0] if len(either) == 1 else {"$or": either}


def _of_failures(outcomes: frozenset[ExecutionOutcome]) -> Mapping[str, Any]:
    names = sorted(str(each) for each in outcomes)
    derived = [_by_error(each) for each in sorted(outcomes)]
    return {
        "outcome": {"$in": [*names, None]},  # selects by index; the next condition decides on those without outcome
        "status": str(ExecutionStatus.FAILED),
        "$or": [{"outcome": {"$in": names}}, {"outcome": None, "$or": derived}],
    }


def _by_error(outcome: ExecutionOutcome) -> Mapping[str, Any]:
    return _BY_ERROR[outcome] if outcome in _BY_ERROR else {"$nor": [*_BY_ERROR.values()]}
