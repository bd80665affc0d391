"""Occurrences and their explanations as answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from falcon_scheduler.api_facade.mapping.positions import position_text
from falcon_scheduler.api_facade.schemas.ledger import (
    ExplanationResponse,
    FactResponse,
    OccurrenceList,
    OccurrenceQuery,
    OccurrenceResponse,
)
from falcon_scheduler.core.domain.explanation import Explanation
from falcon_scheduler.core.domain.occurrence import Occurrence
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.ledger.ledger import OccurrenceFilter, OccurrencePage


def occurrence_filter(query: OccurrenceQuery, task: Task | None = None) -> OccurrenceFilter:
    """What a query asks for, of one task or of all."""
    return OccurrenceFilter(task=task, begin=query.begin, end=query.end, fates=query.fate, reasons=query.reason)


def occurrence_list(page: OccurrencePage, names: Mapping[str, str] = MappingProxyType({})) -> OccurrenceList:
    """A page as an answer. `names` are the names of tasks by their ids."""
    following = page.following
    return OccurrenceList(
        occurrences=[_response(each, names.get(each.task_id)) for each in page.occurrences],
        next=None if following is None else position_text(following),
    )


def explanation_response(explanation: Explanation, name: str) -> ExplanationResponse:
    """An explanation as an answer."""
    return ExplanationResponse(
        task_id=explanation.task_id,
        task_name=name,
        at=explanation.at,
        cause=explanation.cause,
        sentence=explanation.sentence,
        facts=[FactResponse(name=each.name, value=each.value) for each in explanation.facts],
        what_to_do=explanation.what_to_do,
        execution_id=explanation.execution_id or None,
        next_run=explanation.next_run,
    )


def _response(occurrence: Occurrence, name: str | None) -> OccurrenceResponse:
    is_row = occurrence.until != occurrence.at
    began_at = occurrence.began_at
    return OccurrenceResponse(
        task_id=occurrence.task_id,
        task_name=name,
        at=occurrence.at,
        until=occurrence.until if is_row else None,
        count=(occurrence.count or None) if is_row else None,
        fate=occurrence.fate,
        reason=occurrence.reason,
        execution_id=occurrence.execution_id or None,
        outcome=occurrence.outcome,
        began_at=began_at,
        late=None if began_at is None else max(began_at - occurrence.at, timedelta()),
        by=occurrence.by or None,
        since=occurrence.since,
        text=occurrence.text or None,
    )
