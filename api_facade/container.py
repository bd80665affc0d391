"""What the routes are handed: the use cases, who may use them, and the present."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from falcon_scheduler.api_facade.addresses import ClientAddresses
from falcon_scheduler.api_facade.auth.authenticator import Authenticator
from falcon_scheduler.api_facade.auth.sign_in import SignInCodes
from falcon_scheduler.api_facade.broadcast import Broadcast
from falcon_scheduler.api_facade.heavy import HeavyWork
from falcon_scheduler.api_facade.metrics.instruments import Metrics
from falcon_scheduler.api_facade.rates import RateLimit
from falcon_scheduler.api_facade.shared_status import SharedStatus
from falcon_scheduler.core.answer_cache import AnswerCache
from falcon_scheduler.core.domain.known_setting import KnownSetting
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.ports import Clock, ExecutorCatalog
from falcon_scheduler.core.ports.run_logs import RunLogs
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from falcon_scheduler.core.services.ledger.explaining import Explaining
from falcon_scheduler.core.services.ledger.ledger import Ledger
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.runs.run_service import RunService
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.backfill import Backfill
from falcon_scheduler.core.services.tasks.calendars import Calendars
from falcon_scheduler.core.services.tasks.load_forecasts import LoadForecasts
from falcon_scheduler.core.services.tasks.task_service import TaskService
from falcon_scheduler.core.services.tasks.upcoming import UpcomingRuns

WARNINGS_FRESH_FOR = timedelta(seconds=5)
"""Age from which the answer to an execute has the workers looked for behind it."""
WARNINGS_USABLE_FOR = timedelta(seconds=30)
"""Age from which it waits for that. Prefect itself notices a dead worker after half a minute."""


class CatalogEntry(Protocol):
    """Something that a task can run."""

    @property
    def type(self) -> str:
        """The task type to give."""
        ...

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def kind(self) -> str:
        """`http`, `function` or `executor`."""
        ...

    @property
    def description(self) -> str:
        """The first paragraph of its documentation."""
        ...

    @property
    def isolation(self) -> str:
        """`process` when each run has a process of its own, `shared` when runs share one."""
        ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema of the task's `config`."""
        ...


class ListedCatalog(ExecutorCatalog, Protocol):
    """A catalog that can be shown."""

    def entries(self) -> Sequence[CatalogEntry]:
        """Everything a client's task can run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """Everything the routes need."""

    tasks: TaskService
    upcoming: UpcomingRuns
    forecasts: LoadForecasts
    runs: RunService
    ledger: Ledger
    explaining: Explaining
    backfill: Backfill
    calendars: Calendars
    reconcile: ReconcileService
    status: SharedStatus
    audit: Auditing
    alerts: AlertDelivery
    catalog: ListedCatalog
    authenticator: Authenticator
    sign_in_codes: SignInCodes
    broadcast: Broadcast
    run_logs: RunLogs
    workforce: Callable[[], Awaitable[Workforce]]
    clock: Clock
    rates: RateLimit
    addresses: ClientAddresses
    heavy: HeavyWork
    metrics: Metrics
    warnings: AnswerCache[None, Sequence[str]]
    """Why an execution that is requested now may wait for long."""
    settings: Sequence[KnownSetting] = ()
    """Those that this process was started with, without secrets."""
    default_timezone: str = "UTC"
    """In which a schedule is read when its task names no zone."""
