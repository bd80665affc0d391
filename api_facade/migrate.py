"""`falcon-scheduler migrate go-falcon …`: takes a database of go-falcon over, or gives it back. Calls and prints."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from falcon_scheduler.adapters.mongo.go_falcon.database import GoFalconDatabase
from falcon_scheduler.adapters.mongo.go_falcon.findings import Finding, Level
from falcon_scheduler.adapters.mongo.go_falcon.migration import GoFalconMigration, Returned
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.adapters.settings.env_file import take_env_file
from falcon_scheduler.adapters.wiring import world_of
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.api_facade.office import Office
from falcon_scheduler.api_facade.options import EnvFileOption
from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.principal import Principal
from falcon_scheduler.core.domain.takeover import Takeover

OPERATOR = Principal(user_id="migration", character_id=0, is_super_admin=True)
FIRST_SIGHT = timedelta(minutes=2)
"""go-falcon counts as at work when it began an execution within this time."""

migrate = App(name="migrate", help="Take over the database of another scheduler, or give it back.")
go_falcon = App(name="go-falcon", help="go-falcon's own scheduler, which shares collections and API with this one.")
migrate.command(go_falcon)


@go_falcon.command
def check(
    *,
    repair: Annotated[bool, Parameter(help="Repair what can be repaired without asking.", negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", help="One finding a line, as JSON.", negative="")] = False,
    env_file: EnvFileOption = None,
) -> None:
    """List what a takeover changes and what must be repaired. Exit code 1 when something must be repaired."""
    if asyncio.run(_check(_settings(env_file), repair=repair, show=_json_line if as_json else _text_line)):
        raise SystemExit(1)


@go_falcon.command
def takeover(*, env_file: EnvFileOption = None) -> None:
    """Take the database over and record it. A facade does the same when it starts."""
    settings = _settings(env_file)
    record = asyncio.run(_takeover(settings))
    if record is None:
        print("There is nothing to take over: no task of go-falcon is in this database")
        return
    grace = settings.scheduler.takeover_grace
    print(f"Taken over at {record.taken_over_at.isoformat(timespec='seconds')}")
    print(f"  tasks                 {record.tasks}")
    print(f"  executions            {record.executions}")
    print(f"  ended as unfinished   {record.leftovers}")
    print(f"  old history is kept at least until {record.first_cleanup_at(grace).isoformat(timespec='seconds')}")


@go_falcon.command
def back(
    *,
    without_prefect: Annotated[
        bool, Parameter(help="Leave the deployments in Prefect; they must not run any more.", negative="")
    ] = False,
    env_file: EnvFileOption = None,
) -> None:
    """Rewrite the documents for go-falcon and remove our deployments. Stop every facade and worker first."""
    returned = asyncio.run(_back(_settings(env_file), without_prefect=without_prefect))
    print(f"Rewritten for go-falcon: {returned.tasks} tasks, {returned.executions} executions")
    for where, note in returned.notes:
        print(f"  {where}  {note}")
    if returned.missed:
        print("These changed in between; stop the program that writes them and run this again:")
        print("\n".join(f"  {where}" for where in returned.missed))
        raise SystemExit(1)


def _settings(env_file: Path | None) -> Settings:
    if env_file is not None:
        print(take_env_file(env_file), file=sys.stderr)  # standard output has only the findings
    return Settings.load()


async def _check(settings: Settings, *, repair: bool, show: Callable[[Finding, bool], str]) -> bool:
    """Print every finding. Returns whether something is left to be repaired by a person."""
    async with open_services(settings) as services:
        migration = GoFalconMigration(services.stores.database)
        now = services.stores.clock.now()
        found: Counter[str] = Counter()
        left = False
        plugged = settings.system_tasks
        retention_from = now + settings.scheduler.takeover_grace
        findings = [each async for each in migration.check(plugged.tasks, services.catalog.faults, retention_from)]
        for plugin in plugged.plugins.values():
            findings += [each async for each in plugin.takeover_findings(world_of(settings, services.stores))]
        for finding in findings:
            repaired = repair and finding.level is Level.REPAIR and await migration.repair(finding)
            found["repaired" if repaired else str(finding.level)] += 1
            left |= finding.level is Level.REPAIR and not repaired
            print(show(finding, repaired))
        counts = await GoFalconDatabase(services.stores.database).counts()
        for line in await _surroundings(settings, services, migration):
            print(f"note    {line}")
        print(f"{counts.tasks} tasks and {counts.executions} executions of go-falcon; findings: {_summary(found)}")
        return left


async def _surroundings(settings: Settings, services: Services, migration: GoFalconMigration) -> Sequence[str]:
    """Notes besides the documents."""
    lines = []
    now = services.stores.clock.now()
    if await GoFalconDatabase(services.stores.database).begun_since(now - FIRST_SIGHT, 1):
        lines.append("go-falcon began an execution within the last two minutes; stop it before the takeover")
    for name in await migration.other_databases():
        lines.append(f"database {name!r} of the same server holds scheduler tasks too (MONGODB_DATABASE chooses)")
    if settings.api.jwt_secret is None:
        lines.append("JWT_SECRET is not set; with go-falcon's secret (32 bytes or more) its tokens stay valid")
    return lines


async def _takeover(settings: Settings) -> Takeover | None:
    async with open_services(settings) as services:
        return await Office(services.stores.lease).during(services.takeover.take_over(OPERATOR))


async def _back(settings: Settings, *, without_prefect: bool) -> Returned:
    async with open_services(settings) as services:
        return await Office(services.stores.lease).during(_give_back(services, without_prefect=without_prefect))


async def _give_back(services: Services, *, without_prefect: bool) -> Returned:
    record = services.stores.takeovers
    present = await record.read()
    async with services.audit.change(Action.GIVE_BACK, OPERATOR) as note:
        if not without_prefect:
            await _remove_deployments(services)
        returned = await GoFalconMigration(services.stores.database).back()
        note.after = {"tasks": returned.tasks, "executions": returned.executions}
        if present is not None:
            await record.write(replace(present, returned_at=services.stores.clock.now()))
    return returned


async def _remove_deployments(services: Services) -> None:
    """Otherwise a worker would go on running the tasks. Deployments that others made stay."""
    ours = [each.as_deployed.id async for each in services.engine.deployments.all() if each.adopted is None]
    for deployment_id in ours:
        await services.engine.deployments.remove_deployment(deployment_id)


def _text_line(finding: Finding, repaired: bool) -> str:
    head = "done" if repaired else str(finding.level)
    can = f"  [--repair sets {', '.join(finding.repair)}]" if finding.repair and not repaired else ""
    return f"{head:<7} {finding.document}  {finding.message}{can}"


def _json_line(finding: Finding, repaired: bool) -> str:
    return json.dumps({**asdict(finding), "repaired": repaired}, default=str, ensure_ascii=False)


def _summary(found: Counter[str]) -> str:
    return ", ".join(f"{number} {level}" for level, number in sorted(found.items())) or "none"
