"""A simulation as an answer."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from falcon_scheduler.api_facade.schemas.simulation import (
    OverlappingShape,
    PeakShape,
    PeakTaskShape,
    ProposalShape,
    ProposedChange,
    SimulatedBucket,
    SimulatedChange,
    SimulatedPriority,
    SimulatedSummary,
    SimulationAnswer,
    SimulationQuestion,
)
from falcon_scheduler.core.domain.forecast.load import Peak, Proposal, Summary
from falcon_scheduler.core.domain.time_rules import TimeRules
from falcon_scheduler.core.services.tasks.load_forecasts import Outlook
from falcon_scheduler.core.services.tasks.planned_tasks import RANKS, Change

CHANGES_SHOWN = 100
_TIME_RULES = {each.name for each in fields(TimeRules)}
_PRIORITIES = {rank: priority for priority, rank in RANKS.items()}


def changes_of(question: SimulationQuestion) -> list[Change]:
    """The changes of a question."""
    return [Change(**each.model_dump(exclude=_TIME_RULES), time_rules=_given(each)) for each in question.changes]


def _given(change: SimulatedChange) -> dict[str, Any]:
    """The limits of the schedule that a change sets or removes."""
    given = {name: getattr(change, name) for name in change.model_fields_set & _TIME_RULES}
    if change.calendars is not None:
        given["calendars"] = change.calendars.rules
    return given


def simulation_answer(outlook: Outlook) -> SimulationAnswer:
    """All of it."""
    load, forecast, proposal = outlook.load, outlook.simulation.forecast, outlook.simulation.proposal
    return SimulationAnswer(
        begin=load.begin,
        end=load.end,
        tasks=len(load.tasks),
        slots=load.slots,
        slots_are=outlook.slots_are,
        durations=outlook.durations,
        summary=_summary(forecast.summary),
        by_priority=[
            SimulatedPriority(
                priority=_PRIORITIES[each.rank], runs=each.runs, late=each.late, late_most=each.late_most
            )
            for each in forecast.by_rank
        ],
        bucket=forecast.bucket,
        buckets=[
            SimulatedBucket(
                at=each.at,
                runs=each.runs,
                busiest_minute=each.busiest_minute,
                used=each.used,
                queue=each.queue,
                late=each.late,
                late_most=each.late_most,
            )
            for each in forecast.buckets
        ],
        peaks=[_peak(each) for each in forecast.peaks],
        overlaps=[
            OverlappingShape(task_id=each.id, name=each.name, times=each.times, duration=each.duration)
            for each in forecast.overlaps
        ],
        overlapping_tasks=forecast.overlapping_tasks,
        worked_out_until=forecast.worked_out_until,
        proposal=None if proposal is None else _proposal(proposal),
    )


def _summary(summary: Summary) -> SimulatedSummary:
    return SimulatedSummary(
        runs=summary.runs,
        busiest_minute=summary.busiest_minute,
        busiest_second=summary.busiest_second,
        queue=summary.queue,
        late=summary.late,
        late_most=summary.late_most,
        skipped=summary.skipped,
    )


def _peak(peak: Peak) -> PeakShape:
    return PeakShape(
        at=peak.at,
        times=peak.times,
        runs=peak.runs,
        queue=peak.queue,
        late_most=peak.late_most,
        tasks=[
            PeakTaskShape(task_id=each.id, name=each.name, schedule=each.schedule, runs=each.runs)
            for each in peak.tasks
        ],
        other_tasks=peak.other_tasks,
    )


def _proposal(proposal: Proposal) -> ProposalShape:
    shown = proposal.changes[:CHANGES_SHOWN]
    return ProposalShape(
        changes=[
            ProposedChange(task_id=each.id, name=each.name, schedule=each.schedule, proposed=each.proposed)
            for each in shown
        ],
        other_changes=len(proposal.changes) - len(shown),
        summary=_summary(proposal.summary),
    )
