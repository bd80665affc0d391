"""The plug-in `eve` of the entry point group `falcon_scheduler.system_tasks`: what EVE brings to the scheduler.

Source: eve-modules, "System tasks in GF against SEED"; scheduler API, "System Tasks (Hardcoded)". Where the two
differ the document's figures are taken: affiliations 30 minutes, alliances on Sunday.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from falcon_scheduler.adapters.mongo.client import Database
from falcon_scheduler.adapters.mongo.go_falcon.findings import Finding, Level
from falcon_scheduler.adapters.system_tasks import Demo, Probe, SystemTask, SystemTaskPlugin, World
from falcon_scheduler.core.domain.priority import Priority
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.eve.esi.status import ask_status
from falcon_scheduler.eve.services.refresher_watch import OtherRefresherWatch
from falcon_scheduler.eve.settings import EsiSettings, EveSettings
from falcon_scheduler.eve.stores.collections import USER_PROFILES
from falcon_scheduler.eve.stores.other_refresher import MongoOtherRefresher, number_refreshed_by_others
from falcon_scheduler.eve.tasks import tasks
from falcon_scheduler.eve.tasks.parameters import (
    AffiliationParameters,
    AllianceImportParameters,
    CorporationUpdateParameters,
    TokenRefreshParameters,
)

TOKEN_REFRESH = SystemTask(
    id="system-token-refresh",
    name="EVE Token Refresh",
    description="Refreshes EVE Online access tokens that expire soon, oldest first",
    schedule="0 */15 * * * *",
    work=tasks.EveTask(tasks.TOKEN_REFRESH),
    parameters=TokenRefreshParameters,
    defaults={"batch_size": 100, "timeout": "5m"},
    tags=("system", "auth", "eve"),
    priority=Priority.HIGH,
    max_retries=3,
    retry_interval=timedelta(minutes=2),
    timeout=timedelta(minutes=10),
)
CHARACTER_AFFILIATION_UPDATE = SystemTask(
    id="system-character-affiliation-update",
    name="Character Affiliation Update",
    description="Updates the corporations and alliances of all characters from ESI",
    schedule="0 */30 * * * *",
    work=tasks.EveTask(tasks.CHARACTER_AFFILIATION_UPDATE),
    parameters=AffiliationParameters,
    defaults={"batch_size": 1000, "parallel_workers": 3},
    tags=("system", "character", "esi"),
    max_retries=3,
    retry_interval=timedelta(minutes=5),
    timeout=timedelta(minutes=30),
)
ALLIANCE_BULK_IMPORT = SystemTask(
    id="system-alliance-bulk-import",
    name="Alliance Bulk Import",
    description="Imports every alliance from ESI",
    schedule="0 0 3 * * 0",
    work=tasks.EveTask(tasks.ALLIANCE_BULK_IMPORT),
    parameters=AllianceImportParameters,
    defaults={"batch_size": 10, "delay_between_requests": "200ms", "timeout": "30m"},
    tags=("system", "alliance", "esi"),
    max_retries=2,
    retry_interval=timedelta(minutes=15),
    timeout=timedelta(minutes=45),
)
CORPORATION_UPDATE = SystemTask(
    id="system-corporation-update",
    name="Corporation Data Update",
    description="Updates every known corporation from ESI",
    schedule="0 0 4 * * *",
    work=tasks.EveTask(tasks.CORPORATION_UPDATE),
    parameters=CorporationUpdateParameters,
    defaults={"concurrent_workers": 10, "timeout": "60m"},
    tags=("system", "corporation", "esi", "update"),
    max_retries=2,
    retry_interval=timedelta(minutes=15),
    timeout=timedelta(minutes=60),
)


def _probes(world: World) -> Sequence[Probe]:
    esi = world.settings.of(EsiSettings)
    return [Probe("esi", lambda: ask_status(esi.base_url, esi.user_agent, esi.compatibility_date))]


def _duties(world: World, alerts: ServiceAlerts) -> Sequence[Duty]:
    watch = OtherRefresherWatch(record=MongoOtherRefresher(world.database), alerts=alerts, clock=world.clock)
    return [watch.duty()]


async def takeover_findings(world: World) -> AsyncIterator[Finding]:
    """What a takeover of go-falcon's database means for the EVE logins."""
    if logins := await number_refreshed_by_others(world.database, datetime.now(UTC)):
        text = (
            f"the tokens of {logins} EVE logins were written within the last half hour, and not by this service: "
            "switch off the token refresh of go-falcon's auth module, or disable system-token-refresh"
        )
        yield Finding(level=Level.NOTE, document=USER_PROFILES, message=text)
    if world.settings.of(EveSettings).token_key is not None:
        text = "EVE_TOKEN_KEY is set: modules of go-falcon can't read tokens that this service writes"
        yield Finding(level=Level.NOTE, document=USER_PROFILES, message=text)


def _demo_command(port: int) -> Sequence[str]:
    return (sys.executable, "-m", "falcon_scheduler.eve.demo", "--port", str(port))


def _demo_environment(address: str) -> Mapping[str, str]:
    from falcon_scheduler.eve.demo import environment  # a web server, which only the local stack needs

    return environment(address)


async def _fill_demo(database: Database) -> None:
    from falcon_scheduler.eve.demo import seed

    await seed(database)


EVE = SystemTaskPlugin(
    tasks=(TOKEN_REFRESH, CHARACTER_AFFILIATION_UPDATE, ALLIANCE_BULK_IMPORT, CORPORATION_UPDATE),
    settings=(EsiSettings, EveSettings),
    only_runs_read=frozenset({"EVE_CLIENT_SECRET", "EVE_TOKEN_KEY"}),
    health_probes=_probes,
    duties=_duties,
    takeover_findings=takeover_findings,
    demo=Demo(name="esi", title="Demo ESI", command=_demo_command, environment=_demo_environment, fill=_fill_demo),
)
