"""What the routes are handed: the use cases, who may use them, and the present."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from falcon_scheduler.adapters.mongo.permissions import MongoPermissions
from falcon_scheduler.adapters.settings import ApiSettings, Settings
from falcon_scheduler.api_facade.addresses import ClientAddresses
from falcon_scheduler.api_facade.auth.authenticator import Authenticator, GrantSource
from falcon_scheduler.api_facade.auth.jwks import ProviderKeys
from falcon_scheduler.api_facade.auth.tokens import TokenVerifier
from falcon_scheduler.api_facade.heavy import HeavyWork
from falcon_scheduler.api_facade.metrics.instruments import Metrics
from falcon_scheduler.api_facade.rates import RateLimit
from falcon_scheduler.api_facade.shared_status import SharedStatus
from falcon_scheduler.core.answer_cache import AnswerCache, briefly
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.ports import Clock, ExecutorCatalog
from falcon_scheduler.core.services.alerts.delivery import AlertDelivery
from falcon_scheduler.core.services.mirror.reconcile import ReconcileService
from falcon_scheduler.core.services.runs.run_service import RunService
from falcon_scheduler.core.services.tasks.auditing import Auditing
from falcon_scheduler.core.services.tasks.task_service import TaskService

if TYPE_CHECKING:
    from falcon_scheduler.api_facade.services import Services


WARNINGS_KEPT_FOR = timedelta(seconds=5)
"""Prefect itself knows that a worker is gone after half a minute."""


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
    runs: RunService
    reconcile: ReconcileService
    status: SharedStatus
    audit: Auditing
    alerts: AlertDelivery
    catalog: ListedCatalog
    authenticator: Authenticator
    clock: Clock
    rates: RateLimit
    addresses: ClientAddresses
    heavy: HeavyWork
    metrics: Metrics
    warnings: AnswerCache[None, Sequence[str]]
    """Why an execution that is asked for now may wait for long."""
    default_timezone: str = "UTC"
    """In which a schedule is read when its task names no zone."""


def compose(settings: Settings, services: Services) -> Container:
    """Join the services with those who may use them."""
    return Container(
        tasks=services.tasks,
        runs=services.runs,
        reconcile=services.reconcile,
        status=SharedStatus(services.status),
        audit=services.audit,
        alerts=services.alerts.delivery,
        catalog=services.catalog,
        authenticator=make_authenticator(settings.api, MongoPermissions(services.stores.database)),
        clock=services.stores.clock,
        metrics=services.metrics,
        warnings=AnswerCache(lambda _: _warnings(services), briefly(WARNINGS_KEPT_FOR)),
        rates=RateLimit(settings.api.api_rate_limit or None),
        heavy=HeavyWork(),
        addresses=ClientAddresses(settings.api.api_trusted_proxies),
        default_timezone=settings.scheduler.timezone,
    )


async def _warnings(services: Services) -> Sequence[str]:
    try:
        problem = (await services.workforce()).problem
    except Unavailable:  # what was asked for stands; only this is not known
        return ()
    return [problem] if problem else []


def make_authenticator(settings: ApiSettings, source: GrantSource) -> Authenticator:
    """Believe what the settings say is to be believed."""
    keys = [key.get_secret_value() for key in (settings.jwt_secret, settings.jwt_secret_previous) if key]
    provider = None
    if settings.jwt_jwks_url and settings.jwt_jwks_issuer:
        provider = ProviderKeys(
            settings.jwt_jwks_url, issuer=settings.jwt_jwks_issuer, audience=settings.jwt_jwks_audience
        )
    return Authenticator(TokenVerifier(keys, provider), source, reading_is_granted=settings.api_read_permission)
