"""Prefect's server reads the row that one object is related to by a kept statement, with the same outcome."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from prefect.server.database import orm_models
from prefect.server.models import flow_runs
from prefect.server.schemas.schedules import CronSchedule
from prefect.server.schemas.states import StateType
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.strategies import SelectInLoader

from falcon_scheduler.deployments.stack import prefect_related_rows, prefect_run_reading
from falcon_scheduler.deployments.stack.prefect_known_rows import LOADER
from falcon_scheduler.deployments.stack.prefect_related_rows import read_related_rows_by_kept_statements
from falcon_scheduler.deployments.stack.prefect_run_reading import READER, read_runs_by_a_kept_statement

TABLES = (
    *(orm_models.WorkPool, orm_models.WorkQueue, orm_models.FlowRun, orm_models.FlowRunState),
    *(orm_models.Deployment, orm_models.DeploymentSchedule, orm_models.ConcurrencyLimitV2),
)
RUNS = [uuid4(), uuid4(), uuid4()]
FLOW, QUEUE, POOL, DEPLOYMENT, BARE, LIMIT = (uuid4() for _ in range(6))


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test replaces is taken back after it."""
    monkeypatch.setattr(SelectInLoader, LOADER, getattr(SelectInLoader, LOADER))
    monkeypatch.setattr(flow_runs, READER, getattr(flow_runs, READER))


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Runs of which the last has no queue and no state, and a deployment with schedules beside a bare one."""
    engine = create_engine("sqlite://")
    for each in TABLES:
        orm_models.Base.metadata.tables[each.__tablename__].create(engine)
    with Session(engine) as session, session.begin():
        session.add(orm_models.WorkPool(id=POOL, name="pool", type="process", base_job_template={}))
        session.add(orm_models.WorkQueue(id=QUEUE, name="queue", work_pool_id=POOL, priority=1))
        session.add(orm_models.ConcurrencyLimitV2(id=LIMIT, name="limit", limit=1))
        named = {"flow_id": FLOW, "parameters": {}, "tags": []}
        session.add(
            orm_models.Deployment(id=DEPLOYMENT, name="a", work_queue_id=QUEUE, concurrency_limit_id=LIMIT, **named)
        )
        session.add(orm_models.Deployment(id=BARE, name="b", **named))
        session.add_all(
            orm_models.DeploymentSchedule(
                deployment_id=DEPLOYMENT, schedule=CronSchedule(cron=f"{minute} * * * *"), active=True
            )
            for minute in range(3)
        )
        for run, queue in zip(RUNS, (QUEUE, QUEUE, None), strict=True):
            state = orm_models.FlowRunState(id=uuid4(), flow_run_id=run, type=StateType.PENDING, name="Pending")
            session.add(
                orm_models.FlowRun(id=run, flow_id=FLOW, name="run", work_queue_id=queue, state=queue and state)
            )
    yield engine
    engine.dispose()


@pytest.fixture
def asked(engine: Engine) -> list[str]:
    """The conditions of the statements that have read, each with its table."""
    noted: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *others: object) -> None:
        if statement.startswith("SELECT"):
            table, _, rest = statement.split("FROM ")[1].partition(" \nWHERE ")
            noted.append(f"{table}: {rest.partition('.')[2]}")

    return noted


def shown(session: Session) -> list[object]:
    """All that is read with each run and each deployment, one object at a time."""
    found: list[object] = []
    for run_id in RUNS:
        run = session.execute(select(orm_models.FlowRun).where(orm_models.FlowRun.id == run_id)).scalar_one()
        queue = run.work_queue
        found += [run.state and run.state.id, queue and (queue.id, queue.name, queue.work_pool.name)]
        session.expunge_all()
    for deployment_id in (DEPLOYMENT, BARE):
        deployment = session.get_one(orm_models.Deployment, deployment_id)
        limit, work_queue = deployment.global_concurrency_limit, deployment.work_queue
        found += [[each.schedule.cron for each in deployment.schedules], limit and limit.limit]  # type: ignore[union-attr]
        found += [work_queue and work_queue.work_pool.id]
        session.expunge_all()
    return found


def test_one_object_gets_what_it_is_related_to_as_before(engine: Engine, asked: list[str]) -> None:
    with Session(engine) as session:
        before = shown(session)
        assert sum(" IN " in each for each in asked) == len(asked) - len(RUNS) - 2
        tables = [each.partition(":")[0] for each in asked]
        del asked[:]
        assert read_related_rows_by_kept_statements(), "these versions of Prefect and SQLAlchemy have the known form"
        assert read_related_rows_by_kept_statements()
        assert shown(session) == before
    assert not any(" IN " in each for each in asked)
    assert set(tables) == {each.partition(":")[0] for each in asked}
    assert len(asked) <= len(tables)


def test_lists_and_readers_with_options_are_read_as_before(engine: Engine, asked: list[str]) -> None:
    assert read_related_rows_by_kept_statements()
    with Session(engine) as session:
        runs = session.execute(select(orm_models.FlowRun).order_by(orm_models.FlowRun.work_queue_id)).scalars().all()
        assert [run.work_queue and run.work_queue.name for run in runs] == [None, "queue", "queue"]
        assert any("flow_run_state" in each and " IN " in each for each in asked)
        session.expunge_all()
        del asked[:]
        option = selectinload(orm_models.FlowRun.work_queue.and_(orm_models.WorkQueue.name == "another"))
        query = select(orm_models.FlowRun).where(orm_models.FlowRun.id == RUNS[0]).options(option)
        assert session.execute(query).scalar_one().work_queue is None
        assert any(" IN " in each for each in asked)


def test_who_asks_for_fresh_values_gets_them(engine: Engine) -> None:
    assert read_related_rows_by_kept_statements()
    query = select(orm_models.FlowRun).where(orm_models.FlowRun.id == RUNS[0])
    with Session(engine) as session:
        queue = session.execute(query).scalar_one().work_queue
        assert queue is not None
        with Session(engine) as other, other.begin():
            other.get_one(orm_models.WorkQueue, QUEUE).name = "changed"
        assert getattr(session.execute(query).scalar_one().work_queue, "name", None) == "queue"
        session.execute(query.execution_options(populate_existing=True)).scalar_one()
        assert queue.name == "changed"


@pytest.mark.parametrize("for_update", [False, True])
async def test_a_run_is_read_with_its_queue_and_pool_as_before(for_update: bool) -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    async with engine.begin() as connection:
        for each in TABLES:
            await connection.run_sync(orm_models.Base.metadata.tables[each.__tablename__].create)
    assert read_runs_by_a_kept_statement(), "this version of Prefect has the known form"
    assert read_runs_by_a_kept_statement()
    read: Any = getattr(flow_runs, READER)
    async with AsyncSession(engine) as session:
        session.add(orm_models.WorkPool(id=POOL, name="pool", type="process", base_job_template={}))
        session.add(orm_models.WorkQueue(id=QUEUE, name="queue", work_pool_id=POOL, priority=1))
        session.add(orm_models.FlowRun(id=RUNS[0], flow_id=FLOW, name="run", work_queue_id=QUEUE))
        await session.commit()
        session.expunge_all()
        run = await read(session=session, flow_run_id=RUNS[0], for_update=for_update)
        assert run is not None
        assert run.work_queue is not None
        assert run.work_queue.work_pool.name == "pool"
        assert await read(session, RUNS[1]) is None
    await engine.dispose()


def test_versions_of_another_form_are_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def another(self: object, context: object, states: object) -> None: ...

    monkeypatch.setattr(SelectInLoader, LOADER, another)
    assert not read_related_rows_by_kept_statements()
    assert getattr(SelectInLoader, LOADER) is another
    monkeypatch.setattr(flow_runs, READER, another)
    assert not read_runs_by_a_kept_statement()
    assert getattr(flow_runs, READER) is another
    assert caplog.text.count("in another way") == 2


def test_relations_of_another_form_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    load, read = getattr(SelectInLoader, LOADER), getattr(flow_runs, READER)
    monkeypatch.setattr(prefect_related_rows, "TO_ONE", (("FlowRun", "no_such_relation"),))
    assert not read_related_rows_by_kept_statements()
    monkeypatch.setattr(prefect_run_reading, "_DEFAULT", (("FlowRun", "task_runs"),))
    assert not read_runs_by_a_kept_statement()
    assert getattr(SelectInLoader, LOADER) is load
    assert getattr(flow_runs, READER) is read
