"""Every rule of the design, checked over everything that happened. Each check returns violations in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.outcome import ExecutionOutcome
from falcon_scheduler.core.domain.run import Run, RunPhase
from falcon_scheduler.core.domain.schedule import parse
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports import ExecutionFilter, PageRequest
from falcon_scheduler.core.services.mirror.run_pictures import agrees
from tests.chaos.history import all_spans
from tests.chaos.ledger import check_ledger

REQUESTS = "requests.txt"
"""File of the work folder with a line for each request of an http task: its execution and attempt."""


@dataclass
class Findings:
    """What was found: violations, and figures that are none."""

    violations: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """All that is known after a run."""

    tasks: Mapping[str, Task]
    executions: Mapping[str, Execution]
    runs: Mapping[str, Run]
    work: Path
    began_at: datetime
    ended_at: datetime


async def gather(
    services: Services, ids: Sequence[str], work: Path, began_at: datetime, ended_at: datetime
) -> Evidence:
    """Read both databases whole."""
    tasks = {task_id: await services.tasks.get(task_id) for task_id in ids}
    executions: dict[str, Execution] = {}
    for task_id in ids:
        for wanted in (
            ExecutionFilter(task_id=task_id),
            ExecutionFilter(task_id=task_id, outcomes=(ExecutionOutcome.SKIPPED,)),
        ):
            number = 1
            while (page := await services.stores.executions.list(wanted, PageRequest(page=number, size=100))).items:
                executions |= {execution.id: execution for execution in page.items}
                number += 1
    runs: dict[str, Run] = {}
    reader = services.engine.runs
    for task in tasks.values():
        async for batch in reader.of_deployment(task.deployment_id or ""):
            runs |= {run.id: run for run in batch}
    return Evidence(tasks, executions, runs, work, began_at, ended_at)


async def check(services: Services, evidence: Evidence, terminal: Mapping[str, tuple[object, ...]]) -> Findings:
    """All of them."""
    findings = Findings()
    for rule in (_one_document_per_run, _outcomes, _counters, _no_overlap, _nothing_left, _agreement, _occurrences):
        rule(evidence, findings)
    _no_request_twice(evidence, findings)
    _terminal_stays(evidence, terminal, findings)
    begun = {span.run for spans in all_spans(evidence.work).values() for span in spans}
    wrong, fates = await check_ledger(
        services, [*evidence.tasks.values()], begun, evidence.began_at, evidence.ended_at
    )
    findings.violations += wrong
    findings.figures["fates"] = dict(fates)
    await _expiry(services, findings)
    return findings


def _one_document_per_run(evidence: Evidence, findings: Findings) -> None:
    for run in evidence.runs.values():
        if run.phase is not RunPhase.AHEAD and run.id not in evidence.executions:
            findings.violations.append(f"run {run.id} is {run.phase} in Prefect and has no document")
    for execution_id in evidence.executions.keys() - evidence.runs.keys():
        if evidence.executions[execution_id].performer:  # Prefect's pause deletes those that it calls Scheduled still
            continue
        findings.violations.append(f"execution {execution_id} has no run in Prefect")
    for spans in all_spans(evidence.work).values():
        for span in spans:
            known = evidence.executions.get(span.run)
            if known is None or known.is_skipped:
                findings.violations.append(
                    f"run {span.run} did work and {'was skipped' if known else 'has no document'}"
                )
    findings.figures["runs"] = len(evidence.runs)
    findings.figures["executions"] = dict(Counter(str(each.outcome) for each in evidence.executions.values()))


def _outcomes(evidence: Evidence, findings: Findings) -> None:
    """Every end has an outcome that fits its status, a skip its reason, and no attempt is left open."""
    for each in evidence.executions.values():
        if not each.status.is_terminal:
            continue
        if (each.outcome is ExecutionOutcome.COMPLETED) != (each.status is ExecutionStatus.COMPLETED):
            findings.violations.append(f"execution {each.id} is {each.status} and its outcome {each.outcome}")
        if each.is_skipped != (each.skip is not None):
            findings.violations.append(f"execution {each.id} is {each.outcome} and its skip {each.skip}")
        if any(attempt.ended_at is None for attempt in each.attempts):
            findings.violations.append(f"execution {each.id} has ended and an attempt of it has not")
    reasons = Counter(str(each.skip.reason) for each in evidence.executions.values() if each.skip is not None)
    findings.figures["skips"] = dict(reasons)


def _terminal_stays(evidence: Evidence, terminal: Mapping[str, tuple[object, ...]], findings: Findings) -> None:
    for execution_id, seen in terminal.items():
        now = evidence.executions.get(execution_id)
        if now is None or ending_of(now) != seen:
            findings.violations.append(f"execution {execution_id} had ended as {seen} and now reads {now}")


def _counters(evidence: Evidence, findings: Findings) -> None:
    begun = [each for each in evidence.executions.values() if not each.is_skipped]
    ended = Counter((each.task_id, each.status) for each in begun)
    skipped = Counter(each.task_id for each in evidence.executions.values() if each.is_skipped)
    for task in evidence.tasks.values():
        record = task.record
        completed = ended[task.id, ExecutionStatus.COMPLETED]
        failed = ended[task.id, ExecutionStatus.FAILED]
        if completed + failed + record.removed_count != record.total_runs or (
            not record.removed_count and (completed, failed) != (record.success_count, record.failure_count)
        ):
            findings.violations.append(
                f"task {task.definition.name} counts {record.success_count} + {record.failure_count}, "
                f"its history has {completed} + {failed} and {record.removed_count} were removed"
            )
        if skipped[task.id] != record.skipped_count:
            findings.violations.append(
                f"task {task.definition.name} counts {record.skipped_count} skips, its history has {skipped[task.id]}"
            )
        if record.active:
            findings.violations.append(f"task {task.definition.name} believes {record.active} to be at work")


def _no_overlap(evidence: Evidence, findings: Findings) -> None:
    findings.violations += overlaps(evidence.work)


def _no_request_twice(evidence: Evidence, findings: Findings) -> None:
    log = evidence.work / REQUESTS
    attempts = Counter(log.read_text().splitlines() if log.exists() else [])
    findings.figures["requests of http tasks"] = attempts.total()
    findings.violations += [f"attempt {each} sent {count} requests" for each, count in attempts.items() if count > 1]


def overlaps(work: Path) -> list[str]:
    """Runs of one task that were at work at the same time, by their own words."""
    return [
        f"{name}: run {after.run} began {before.last - after.first:.2f} s before {before.run} was over"
        for name, spans in all_spans(work).items()
        for before, after in pairwise(spans)
        if after.first < before.last
    ]


def _nothing_left(evidence: Evidence, findings: Findings) -> None:
    for execution in evidence.executions.values():
        if not execution.status.is_terminal:
            findings.violations.append(f"execution {execution.id} is {execution.status} still")
    for run in evidence.runs.values():
        if run.phase in {RunPhase.WAITING, RunPhase.CLAIMED, RunPhase.RUNNING}:
            findings.violations.append(f"run {run.id} is {run.phase} in Prefect still")


def _agreement(evidence: Evidence, findings: Findings) -> None:
    for execution in evidence.executions.values():
        run = evidence.runs.get(execution.id)
        if run and run.phase.is_terminal and execution.status.is_terminal and not agrees(run, execution):
            findings.violations.append(f"{run.id} is {run.phase} in Prefect and {execution.status} in MongoDB")


def _occurrences(evidence: Evidence, findings: Findings) -> None:
    """Target instants from each schedule against what happened (the model of Jepsen's Chronos tests)."""
    begun = {span.run for spans in all_spans(evidence.work).values() for span in spans}
    totals: Counter[str] = Counter()
    for task in evidence.tasks.values():
        targets = _targets(task, evidence.began_at, evidence.ended_at)
        served: dict[datetime, list[str]] = defaultdict(list)
        for run in evidence.runs.values():
            ours = run.deployment_id == task.deployment_id and run.trigger is Trigger.SCHEDULE
            if ours and run.due_at and run.phase is not RunPhase.AHEAD and run.due_at <= evidence.ended_at:
                served[run.due_at].append(run.id)
        for instant, ids in served.items():
            effective = [each for each in ids if each in begun]
            if len(effective) > 1:
                findings.violations.append(f"task {task.definition.name} ran {len(effective)} times for {instant}")
            totals["effective"] += bool(effective)
            totals["skipped, cancelled or dead before they began"] += not effective
            if instant not in targets and targets and instant >= min(targets):
                findings.violations.append(f"task {task.definition.name} ran at {instant}, which is no target")
        totals["targets"] += len(targets)
        totals["never scheduled (paused by a user, or Prefect away)"] += len(targets - served.keys())
    findings.figures["occurrences"] = dict(totals)


def _targets(task: Task, began_at: datetime, ended_at: datetime) -> set[datetime]:
    schedule = parse(task.definition.schedule, task.definition.timezone, task_id=task.id)
    targets: set[datetime] = set()
    following = schedule.next_after(began_at - timedelta(microseconds=1), task.created_at)
    while following is not None and following <= ended_at:
        targets.add(following)
        following = schedule.next_after(following, task.created_at)
    return targets


async def _expiry(services: Services, findings: Findings) -> None:
    redis = services.stores.redis
    keys = [key async for key in redis.scan_iter("*")]
    eternal = [key for key in keys if await redis.ttl(key) == -1]
    findings.figures["redis keys"] = len(keys)
    findings.violations += [f"Redis key {key} never expires" for key in eternal]


def ending_of(execution: Execution) -> tuple[object, ...]:
    """What of an ended execution must never change."""
    return (
        *(execution.status, execution.outcome, execution.skip, execution.attempts),
        *(execution.completed_at, execution.error, execution.output, execution.started_at),
    )
