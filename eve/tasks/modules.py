"""Where the module behind a task comes from: the deployment's own if it brings one, else ours over ESI and MongoDB.

A deployment's own is an entry point of group `falcon_scheduler.modules`, named `auth`, `character`, `alliance` or
`corporation`. It is either an object that has the method, or a callable `(database, redis)` that gives such an
object. It is loaded when the task runs, so that a broken one breaks its task alone.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Any

from pydantic import SecretStr

from falcon_scheduler.adapters.system_tasks import World
from falcon_scheduler.core.domain.work import WorkLog
from falcon_scheduler.eve.domain.errors import EveMisconfigured
from falcon_scheduler.eve.esi.gateway import EsiAccess, open_esi
from falcon_scheduler.eve.esi.sso import SsoAccess, open_sso
from falcon_scheduler.eve.services.affiliations import AffiliationUpdater
from falcon_scheduler.eve.services.alliances import AllianceImporter
from falcon_scheduler.eve.services.corporations import CorporationUpdater
from falcon_scheduler.eve.services.token_refresh import TokenRefresher
from falcon_scheduler.eve.settings import EsiSettings, EveSettings
from falcon_scheduler.eve.stores.characters import MongoCharacters
from falcon_scheduler.eve.stores.collections import (
    ALLIANCES,
    CHARACTERS,
    CORPORATIONS,
    USER_PROFILES,
    ensure_eve_indexes,
)
from falcon_scheduler.eve.stores.entities import MongoEntities
from falcon_scheduler.eve.stores.profiles import MongoProfiles
from falcon_scheduler.eve.stores.token_vault import TokenVault

GROUP = "falcon_scheduler.modules"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenModule:
    """A module ready to work, and what its work has cost so far."""

    module: Any
    statistics: Callable[[], Mapping[str, Any]] = dict


@asynccontextmanager
async def open_module(
    name: str, method: str, world: World, deadline_at: datetime, log: WorkLog
) -> AsyncIterator[OpenModule]:
    """The module of this name for one run.

    Raises:
        EveMisconfigured: ours lacks its configuration, or the deployment's own is not what it should be.
    """
    points = entry_points(group=GROUP, name=name)
    if points:
        yield OpenModule(module=await _own(next(iter(points)).load(), name, method, world))
        return
    opener = _open_auth if name == "auth" else _open_esi_module
    async with opener(name, world, deadline_at, log) as module:
        yield module


async def _own(found: Any, name: str, method: str, world: World) -> Any:
    module = found
    if not hasattr(found, method) and callable(found):
        module = found(world.database, world.redis)
        if inspect.isawaitable(module):
            module = await module
    if not callable(getattr(module, method, None)):
        raise EveMisconfigured(f"The module {name!r} of entry point group {GROUP} has no method {method}")
    return module


@asynccontextmanager
async def _open_auth(name: str, world: World, deadline_at: datetime, log: WorkLog) -> AsyncIterator[OpenModule]:
    eve, user_agent = world.settings.of(EveSettings), world.settings.of(EsiSettings).user_agent
    access = SsoAccess(
        url=eve.sso_url,
        client_id=eve.client_id,
        client_secret=_plain(eve.client_secret),
        user_agent=user_agent,
    )
    vault = TokenVault(_plain(eve.token_key))
    async with open_sso(access) as sso:
        await ensure_eve_indexes(world.database, USER_PROFILES, log=log)
        yield OpenModule(module=TokenRefresher(MongoProfiles(world.database, vault), sso, _now))


@asynccontextmanager
async def _open_esi_module(name: str, world: World, deadline_at: datetime, log: WorkLog) -> AsyncIterator[OpenModule]:
    esi_settings = world.settings.of(EsiSettings)
    access = EsiAccess(
        base_url=esi_settings.base_url,
        user_agent=esi_settings.user_agent,
        compatibility_date=esi_settings.compatibility_date,
        requests_per_second=esi_settings.requests_per_second,
    )
    database = world.database
    async with open_esi(access, world.redis, deadline_at, log) as esi:
        module: Any
        if name == "character":
            await ensure_eve_indexes(database, CHARACTERS, log=log)
            module = AffiliationUpdater(MongoCharacters(database), esi, _now)
        elif name == "alliance":
            await ensure_eve_indexes(database, ALLIANCES, log=log)
            module = AllianceImporter(MongoEntities.alliances(database), esi, _now)
        else:
            await ensure_eve_indexes(database, CORPORATIONS, log=log)
            module = CorporationUpdater(MongoEntities.corporations(database), esi, _now)
        yield OpenModule(module=module, statistics=esi.statistics)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _now() -> datetime:
    return datetime.now(UTC)
