"""The four EVE tasks: parameters in, a module's work within its time, an honest outcome out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.work import TaskResult, WorkContext
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.eve.domain.report import PROGRESS_EVERY, Report
from falcon_scheduler.eve.tasks import outcome
from falcon_scheduler.eve.tasks.modules import OpenModule, open_module
from falcon_scheduler.eve.tasks.parameters import EveParameters, TokenRefreshParameters

_BEFORE_THE_ATTEMPT_ENDS = timedelta(seconds=2)
"""The work ends a little before the attempt's timeout, so that its counts are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EveWork:
    """The differences between the four tasks."""

    module: str
    method: str
    subject: str
    summary: outcome.Summary
    every: int = PROGRESS_EVERY


TOKEN_REFRESH = EveWork(
    module="auth",
    method="refresh_expiring_tokens",
    subject="tokens",
    summary=outcome.tokens,
)
CHARACTER_AFFILIATION_UPDATE = EveWork(
    module="character",
    method="update_all_affiliations",
    subject="characters",
    summary=outcome.characters,
    every=10_000,  # ten requests; a line per request would bury a run over a million
)
ALLIANCE_BULK_IMPORT = EveWork(
    module="alliance",
    method="bulk_import_alliances",
    subject="alliances",
    summary=outcome.alliances,
)
CORPORATION_UPDATE = EveWork(
    module="corporation",
    method="update_all_corporations",
    subject="corporations",
    summary=outcome.corporations,
)


class EveTask:
    """One of the four, ready to be run any number of times."""

    def __init__(self, work: EveWork) -> None:
        self._work = work

    async def __call__(self, parameters: EveParameters, context: WorkContext, world: World) -> TaskResult:
        started_at = datetime.now(UTC)
        deadline_at = context.deadline_at - _BEFORE_THE_ATTEMPT_ENDS
        if parameters.timeout is not None:
            deadline_at = min(deadline_at, started_at + parameters.timeout)
        seconds = max(0.0, (deadline_at - started_at).total_seconds())
        report = Report(
            subject=self._work.subject,
            log=context.log,
            progress=context.progress,
            deadline_at=deadline_at,
            every=self._work.every,
        )
        run = _Run(self._work, parameters)
        try:
            async with asyncio.timeout(seconds) as time_limit, self._module(deadline_at, context, world) as opened:
                run.statistics = opened.statistics
                work = getattr(opened.module, self._work.method)
                result = await work(parameters.options(), report)
        except TimeoutError:
            if not time_limit.expired():
                raise
            return outcome.out_of_time(seconds, parameters, *run.result(report.counts))
        except SchedulerError as error:
            return outcome.stopped(error, *run.result(report.counts))
        await report.tell()
        counts = {**report.counts, **outcome.counts_of(result)}
        return outcome.done(counts, parameters, *run.result(counts))

    def _module(
        self, deadline_at: datetime, context: WorkContext, world: World
    ) -> AbstractAsyncContextManager[OpenModule]:
        return open_module(self._work.module, self._work.method, world, deadline_at, context.log)


@dataclass(slots=True)
class _Run:
    """What one run reports, for every kind of end."""

    work: EveWork
    parameters: EveParameters
    statistics: Callable[[], Mapping[str, Any]] = dict

    def result(self, counts: outcome.Counts) -> tuple[str, dict[str, Any]]:
        """The output's text and the detail."""
        detail = dict(counts)
        if isinstance(self.parameters, TokenRefreshParameters):
            # Source of the names: go-falcon's metadata of this task.
            detail["success_count"] = counts.get("success", 0)
            detail["failure_count"] = counts.get("failed", 0)
            detail["batch_size"] = self.parameters.batch_size
        if used := self.statistics():
            detail["esi"] = dict(used)
        return self.work.summary(counts), detail
