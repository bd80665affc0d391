"""Runs Prefect's own planner once over a new database and prints which runs it planned. It needs its own process.

Reads from standard input a JSON list of [expression, zone]; prints a JSON list of lists of instants.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from prefect.server import models as prefect_models
from prefect.server import schemas
from prefect.server.database import provide_database_interface
from prefect.server.services.scheduler import schedule_deployments

from falcon_scheduler.adapters.prefect.schedules import to_prefect
from falcon_scheduler.core.domain.schedule import parse

models: Any = prefect_models
"""As it is: mypy does not see through the decorator of its functions."""


async def main() -> None:
    """Plan and print."""
    database = provide_database_interface()
    await database.create_db()
    now = datetime.now(UTC)
    deployments = []
    async with database.session_context(begin_transaction=True) as session:
        flow = await models.flows.create_flow(session=session, flow=schemas.core.Flow(name="run-task"))
        for number, (expression, zone) in enumerate(json.load(sys.stdin)):
            deployment = schemas.core.Deployment(name=str(number), flow_id=flow.id, paused=False)
            deployments.append(await models.deployments.create_deployment(session=session, deployment=deployment))
            await models.deployments.create_deployment_schedules(
                session=session,
                deployment_id=deployments[-1].id,
                schedules=[
                    schemas.actions.DeploymentScheduleCreate(
                        active=True, slug=named.slug, schedule=named.schedule.model_dump(mode="json")
                    )
                    for named in to_prefect(parse(expression, zone), now=now)
                ],
            )
    await schedule_deployments()
    planned = []
    async with database.session_context() as session:
        for deployment in deployments:
            runs = sqlalchemy.select(database.FlowRun).where(database.FlowRun.deployment_id == deployment.id)
            found = (await session.execute(runs)).scalars().all()
            planned.append(sorted(run.next_scheduled_start_time.timestamp() for run in found))
    json.dump(planned, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
