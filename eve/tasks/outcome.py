"""Turns what a module counted into the outcome of the task: partial failure is not total failure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.work import TaskResult
from falcon_scheduler.core.errors import SchedulerError, Unavailable
from falcon_scheduler.eve.domain.errors import EsiRefused, EveMisconfigured, OtherRefresher
from falcon_scheduler.eve.tasks.parameters import EveParameters

Counts = Mapping[str, Any]
Summary = Callable[[Counts], str]


def counts_of(result: object) -> dict[str, Any]:
    """The counts in what a module returned: a mapping or any object with fields; a pair is (success, failed).

    Source: the scheduler document, where RefreshExpiringTokens returns two counts.
    """
    if isinstance(result, Mapping):
        return dict(result)
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return dataclasses.asdict(result)
    if isinstance(result, tuple) and len(result) == 2:
        return {"success": result[0], "failed": result[1]}
    return {name: value for name, value in getattr(result, "__dict__", {}).items() if not name.startswith("_")}


def done(counts: Counts, parameters: EveParameters, output: str, detail: Counts) -> TaskResult:
    """The module came to its end: failed if nothing succeeded or too large a share failed."""
    failed, succeeded = counts.get("failed", 0), _succeeded(counts)
    error = ""
    if failed and _is_failure(counts, failed, succeeded, parameters):
        error = f"{failed} of {failed + succeeded} failed; see the log"
        if counts.get("unreadable") == failed:
            error = f"None of {failed} stored tokens could be opened: EVE_TOKEN_KEY is not the key they are under"
    return TaskResult(success=not error, output=output, error=error, detail=detail)


def _is_failure(counts: Counts, failed: int, succeeded: int, parameters: EveParameters) -> bool:
    if failed == counts.get("invalidated"):
        return False  # these logins are dead, and finding that out is what the task is for
    return not succeeded or failed / (failed + succeeded) > parameters.failure_threshold


def _succeeded(counts: Counts) -> int:
    return sum(int(counts.get(name, 0)) for name in ("success", "created", "updated", "unchanged", "skipped"))


def out_of_time(seconds: float, parameters: EveParameters, output: str, detail: Counts) -> TaskResult:
    """The time was over first. What was written stays; the next attempt goes on from there."""
    allowed = format_duration(parameters.timeout) if parameters.timeout else f"{seconds:.0f}s"
    return TaskResult(
        success=False, output=output, error=f"Not finished within {allowed}; what was done stays", detail=detail
    )


def stopped(error: SchedulerError, output: str, detail: Counts) -> TaskResult:
    """Something stopped the whole run."""
    for_good = isinstance(error, EveMisconfigured | OtherRefresher) or (
        isinstance(error, EsiRefused) and error.status in (401, 403)
    )
    return TaskResult(
        success=False,
        output=output,
        error=str(error),
        retryable=not for_good,
        detail=detail,
        retry_after=error.retry_after if isinstance(error, Unavailable) else None,
    )


def tokens(counts: Counts) -> str:
    """Source: go-falcon's output of this task."""
    success, failed = counts.get("success", 0), counts.get("failed", 0)
    return f"Processed {success + failed} tokens: {success} successful, {failed} failed"


def characters(counts: Counts) -> str:
    """What became of the characters that were due."""
    return _sentence("characters", counts, ("updated", "unchanged", "skipped", "failed"))


def alliances(counts: Counts) -> str:
    """What became of the alliances that ESI lists."""
    return _sentence("alliances", counts, ("created", "updated", "skipped", "failed"))


def corporations(counts: Counts) -> str:
    """What became of the corporations that we keep."""
    return _sentence("corporations", counts, ("updated", "unchanged", "skipped", "failed"))


def _sentence(subject: str, counts: Counts, names: tuple[str, ...]) -> str:
    number = sum(int(counts.get(name, 0)) for name in names)
    text = f"Processed {number} {subject}: " + ", ".join(f"{counts.get(name, 0)} {name}" for name in names)
    return text + (f", {counts['deleted']} marked deleted" if counts.get("deleted") else "")
