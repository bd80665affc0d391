"""What the facade does besides answering: follow Prefect, sweep, reconcile, clean up, alert.

One facade of any number does it at a time, the holder of a Redis lease. While Redis is away every facade does it:
the mirror's writes are repeatable, so several at work cost time, not truth.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from falcon_scheduler.api_facade.alerts import Alerts
from falcon_scheduler.api_facade.pace import Pace
from falcon_scheduler.api_facade.together import end, together
from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.errors import SchedulerError, Unavailable
from falcon_scheduler.core.ports import Change, ChangeFeed, ChangeKind, Lease, RunEngine
from falcon_scheduler.core.services.alerts.duty_watch import WATCH_INTERVAL as DUTY_WATCH_INTERVAL
from falcon_scheduler.core.services.alerts.duty_watch import DutyWatch
from falcon_scheduler.core.services.alerts.other_scheduler import WATCH_INTERVAL as OTHER_SCHEDULER_INTERVAL
from falcon_scheduler.core.services.alerts.other_scheduler import OtherSchedulerWatch
from falcon_scheduler.core.services.mirror import mending
from falcon_scheduler.core.services.mirror.mending import Mending
from falcon_scheduler.core.services.mirror.mirror import Mirror
from falcon_scheduler.core.services.mirror.outcomes import FOLLOW_INTERVAL, OutcomeFeed
from falcon_scheduler.core.services.mirror.plan_watch import PLAN_LOOK_INTERVAL, PROBE_INTERVAL, PlanWatch
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.mirror.rescuer import LOOK_INTERVAL, Rescuer
from falcon_scheduler.core.services.mirror.retention import RetentionService
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.eve.services.refresher_watch import WATCH_INTERVAL as OTHER_REFRESHER_INTERVAL
from falcon_scheduler.eve.services.refresher_watch import OtherRefresherWatch

logger = logging.getLogger(__name__)

OFFICE = "mirror"
LEASE_TTL = timedelta(seconds=4)
LEASE_RENEWAL = timedelta(seconds=1)
GATHERING = timedelta(milliseconds=200)
"""How long news are gathered before they are looked at together: one question to Prefect instead of many."""
MOST_NEWS = 5000
"""News kept at most; beyond that the sweep does as well and costs less."""
APPLIED_AT_ONCE = 200
SWEEP_INTERVAL = timedelta(seconds=10)
WATCH_INTERVAL = timedelta(seconds=2)
"""The least pause between two looks at the deployments. What Prefect announces is followed at once; it announces
everything but a single schedule that is added, changed, switched or removed at a deployment."""
RECONCILE_INTERVAL = timedelta(seconds=60)
PAUSE_AFTER_LOSS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What is to be done, and with what."""

    mirror: Mirror
    rescuer: Rescuer
    mending: Mending
    reconcile: ReconcileService
    retention: RetentionService
    audit: Auditing
    alerts: Alerts
    watch: DutyWatch
    other_scheduler: OtherSchedulerWatch
    other_refresher: OtherRefresherWatch
    plan: PlanWatch
    outcomes: OutcomeFeed
    note_leading: Callable[[bool], None]
    """Told whether this process does the duties, whenever it looks."""
    engine: RunEngine
    feed: ChangeFeed
    lease: Lease
    prepare: Callable[[], Awaitable[None]]
    """Makes the foundation (pool, queues, indexes, system tasks); repeatable."""
    watch_share: float
    """The share of time that looks at the deployments may take."""
    cleanup_interval: timedelta
    keep_for: timedelta
    keep_audit_for: timedelta


class Background:
    """Runs the duties while it holds the office. Start `run` as a task and cancel it to stop."""

    def __init__(self, duties: Duties, holder: str) -> None:
        self._duties = duties
        self._holder = holder
        self._news: dict[Change, None] = {}
        self._has_news = asyncio.Event()
        self._prepared = asyncio.Event()
        self._seen: dict[str, Deployed] | None = None
        self._told_of: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        at_work: asyncio.Task[None] | None = None
        try:
            while True:
                held = await self._hold_office()
                self._duties.note_leading(held)
                if at_work is not None and at_work.done():
                    logger.error("The mirror stopped by itself and is started again", exc_info=at_work.exception())
                    at_work = None
                if held and at_work is None:
                    logger.info("Taking over the mirror")
                    at_work = asyncio.create_task(self._work())
                elif not held and at_work is not None:
                    logger.info("Another facade has taken over the mirror")
                    await end([at_work])
                    at_work = None
                    self._duties.watch.forget()
                    self._duties.plan.forget()
                await asyncio.sleep(LEASE_RENEWAL.total_seconds())
        finally:
            if at_work is not None:
                await end([at_work])
                await self._leave_office()

    async def _hold_office(self) -> bool:
        try:
            return await self._duties.lease.hold(OFFICE, self._holder, LEASE_TTL)
        except Unavailable:
            return True

    async def _leave_office(self) -> None:
        try:
            await self._duties.lease.give_up(OFFICE, self._holder)
        except Unavailable:
            logger.debug("Redis is away; the lease expires by itself")

    async def _work(self) -> None:
        duties = self._duties
        await together(
            self._prepare(),
            self._listen(),
            self._digest(),
            self._watch(),
            self._look_after_duties(),
            self._repeat("look for the dead", duties.rescuer.look, LOOK_INTERVAL),
            self._repeat("mend what can't be read", duties.mending.look, mending.LOOK_INTERVAL),
            self._repeat("sweep", duties.mirror.sweep, SWEEP_INTERVAL),
            self._repeat("watch the plan", duties.plan.look, PLAN_LOOK_INTERVAL),
            self._repeat("probe the planner", duties.plan.look_at_planner, PROBE_INTERVAL),
            self._repeat("reconcile", duties.reconcile.reload, RECONCILE_INTERVAL),
            self._repeat("look for another refresher", duties.other_refresher.look, OTHER_REFRESHER_INTERVAL),
            self._repeat("look for another scheduler", duties.other_scheduler.look, OTHER_SCHEDULER_INTERVAL),
            self._repeat("cleanup", self._clean, duties.cleanup_interval),
            self._repeat("follow outcomes", duties.outcomes.follow, FOLLOW_INTERVAL),
            *(self._repeat(name, duty, interval) for name, duty, interval in duties.alerts.duties()),
        )

    async def _prepare(self) -> None:
        """Until it has got through once, for at the start MongoDB or Prefect may still be away."""
        while not self._prepared.is_set():
            if await self._do("prepare", self._duties.prepare, when_away=logging.INFO):
                self._prepared.set()
            else:
                await asyncio.sleep(PAUSE_AFTER_LOSS.total_seconds())

    async def _listen(self) -> None:
        """Gather news for as long as there are any; listen again when the stream ends."""
        while True:
            try:
                async for change in self._duties.feed.changes():
                    if len(self._news) < MOST_NEWS:
                        self._news[change] = None
                    self._has_news.set()
            except Unavailable:
                logger.debug("Prefect's news are cut off; listening again")
            except Exception:
                logger.exception("Could not listen to Prefect's news")
            await asyncio.sleep(PAUSE_AFTER_LOSS.total_seconds())

    async def _digest(self) -> None:
        """Look at what the news are about, many at once. What can't be looked at now is left to the sweep."""
        await self._prepared.wait()
        while True:
            await self._has_news.wait()
            await asyncio.sleep(GATHERING.total_seconds())
            self._has_news.clear()
            news, self._news = list(self._news), {}
            await self._do("follow the news", lambda news=news: self._follow(news))  # type: ignore[misc]

    async def _follow(self, news: list[Change]) -> None:
        duties = self._duties
        ids = {kind: [each.id for each in news if each.kind is kind] for kind in ChangeKind}
        of_runs = [each for each in news if each.kind is ChangeKind.RUN]
        for start in range(0, len(of_runs), APPLIED_AT_ONCE):
            if asked := await duties.mirror.to_be_asked_for(of_runs[start : start + APPLIED_AT_ONCE]):
                await duties.mirror.apply([*(await duties.engine.runs(asked)).values()])
        self._told_of.update(ids[ChangeKind.DEPLOYMENT])
        if ids[ChangeKind.DEPLOYMENT]:
            present = await duties.engine.deployed_as(ids[ChangeKind.DEPLOYMENT])
            for deployed in present:
                await duties.reconcile.follow(deployed)
            for deployment_id in {*ids[ChangeKind.DEPLOYMENT]} - {each.as_told.id for each in present}:
                await duties.reconcile.left(deployment_id)
        for deployment_id in ids[ChangeKind.DEPLOYMENT_REMOVED]:
            await duties.reconcile.removed(deployment_id)

    async def _watch(self) -> None:
        """Look at the deployments again and again: Prefect tells nobody when a single schedule is changed."""
        await self._prepared.wait()
        pace = Pace(self._duties.watch_share)
        while True:
            began_at = time.monotonic()
            await self._do("look at the deployments", lambda: self._look_at_deployments(pace))
            await pace.rest()
            await asyncio.sleep(max(WATCH_INTERVAL.total_seconds() - (time.monotonic() - began_at), 0))

    async def _look_at_deployments(self, pace: Pace) -> None:
        """Follow what differs from the last look. The first look only learns: the reload compares everything.

        What news told of meanwhile is followed too: it may have changed twice since and look as it did the last time.
        What can't be followed now is taken for unseen, so that the next look tries again.
        """
        told_of, self._told_of = self._told_of, set()
        before, seen = self._seen or {}, {}
        pace.begin()
        try:
            async for deployed in self._duties.engine.deployed():
                deployment_id = deployed.as_told.id
                same = deployment_id not in told_of and (self._seen is None or before.get(deployment_id) == deployed)
                known = deployed if same or await self._followed(deployed) else before.get(deployment_id)
                if known is not None:
                    seen[deployment_id] = known
                await pace.rest_after_slice()
        except BaseException:
            self._told_of |= told_of
            raise
        for deployment_id in before.keys() - seen.keys():
            if not await self._let_go(deployment_id):
                seen[deployment_id] = before[deployment_id]
        self._seen = seen

    async def _followed(self, deployed: Deployed) -> bool:
        return await _attempt("follow a deployment", lambda: self._duties.reconcile.follow(deployed)) is None

    async def _let_go(self, deployment_id: str) -> bool:
        return await _attempt("let a deployment go", lambda: self._duties.reconcile.left(deployment_id)) is None

    async def _repeat(self, name: str, duty: Callable[[], Awaitable[object]], interval: timedelta) -> None:
        await self._prepared.wait()
        while True:
            await self._do(name, duty)
            await asyncio.sleep(interval.total_seconds())

    async def _do(self, name: str, duty: Callable[[], Awaitable[object]], when_away: int = logging.WARNING) -> bool:
        """Do a duty, and report to the watch whether it succeeded."""
        error = await _attempt(name, duty, when_away)
        if error is None:
            self._duties.watch.succeeded(name)
        else:
            self._duties.watch.failed(name, error)
        return error is None

    async def _look_after_duties(self) -> None:
        """From the beginning on: the preparation is a duty too, and may be the one that fails."""
        while True:
            await asyncio.sleep(DUTY_WATCH_INTERVAL.total_seconds())
            await _attempt("look after the duties", self._duties.watch.look)

    async def _clean(self) -> None:
        await self._duties.audit.clean(self._duties.keep_audit_for)
        await self._duties.retention.clean(self._duties.keep_for)


async def _attempt(name: str, duty: Callable[[], Awaitable[object]], when_away: int = logging.WARNING) -> str | None:
    """Do a duty. What goes wrong with it is logged and never ends the others; returns it in a sentence."""
    try:
        await duty()
    except Unavailable as error:
        logger.log(when_away, "Could not %s: %s", name, error)
        return str(error)
    except SchedulerError as error:
        logger.warning("Could not %s: %s", name, error)
        return str(error)
    except Exception as error:
        logger.exception("Could not %s", name)
        return f"{type(error).__name__}; the log of the facade has the details"
    return None
