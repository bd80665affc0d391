"""Joins what keeps the ledger and reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.prefect.client import Client, ping, ping_server
from falcon_scheduler.adapters.prefect.run_stages import PrefectRunStages
from falcon_scheduler.adapters.probes import Probe
from falcon_scheduler.adapters.wiring import Stores
from falcon_scheduler.core.domain.workforce import Workforce
from falcon_scheduler.core.ports import SharesProcess
from falcon_scheduler.core.services.duty import Duty
from falcon_scheduler.core.services.ledger.authors import Authors
from falcon_scheduler.core.services.ledger.explaining import Explaining
from falcon_scheduler.core.services.ledger.ledger import Ledger
from falcon_scheduler.core.services.ledger.outages import Outages
from falcon_scheduler.core.services.ledger.present import Present
from falcon_scheduler.core.services.ledger.settling import Settling
from falcon_scheduler.core.services.ledger.standstills import Standstills


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerServices:
    """The services; `duties` keep the ledger complete."""

    ledger: Ledger
    outages: Outages
    standstills: Standstills
    settling: Settling
    explaining: Explaining

    def duties(self) -> Sequence[Duty]:
        """What the leader repeats."""
        return [self.outages.duty(), self.standstills.duty(), self.settling.duty()]


def make_ledger(
    stores: Stores,
    client: Client,
    workforce: Callable[[], Awaitable[Workforce]],
    shares_process: SharesProcess,
) -> LedgerServices:
    """On opened stores."""
    tasks, watermark, clock = stores.tasks, stores.watermark, stores.clock
    authors = Authors(stores.audit)
    outages = Outages(store=stores.ledger, alerts=MongoAlertStore(stores.database), watermark=watermark, clock=clock)
    ledger = Ledger(store=stores.ledger, tasks=tasks, watermark=watermark, clock=clock, authors=authors)
    present = Present(
        engine=Probe("prefect", lambda: ping(client)),
        engine_alone=Probe("prefect", lambda: ping_server(client)),
        workforce=workforce,
        tasks=tasks,
        executions=stores.executions,
        locks=stores.locks,
        shares_process=shares_process,
    )
    return LedgerServices(
        ledger=ledger,
        outages=outages,
        standstills=Standstills(store=stores.ledger, workforce=workforce, clock=clock),
        settling=Settling(
            store=stores.ledger, tasks=tasks, watermark=watermark, outages=outages, authors=authors, clock=clock
        ),
        explaining=Explaining(
            ledger=ledger,
            store=stores.ledger,
            executions=stores.executions,
            audit=stores.audit,
            outages=outages,
            present=present,
            stages=PrefectRunStages(client),
            clock=clock,
        ),
    )
