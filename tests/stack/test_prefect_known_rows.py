"""A work queue and a work pool that a transaction of Prefect's server has read already are not read again."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from prefect.server.database import orm_models
from prefect.server.schemas.states import StateType
from sqlalchemy import Engine, create_engine, event, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.strategies import SelectInLoader

from falcon_scheduler.deployments.stack import prefect_known_rows
from falcon_scheduler.deployments.stack.prefect_known_rows import LOADER, take_known_rows

TABLES = (orm_models.WorkPool, orm_models.WorkQueue, orm_models.FlowRun, orm_models.FlowRunState)
RUNS = [uuid4(), uuid4(), uuid4()]
FLOW, QUEUE, OTHER_QUEUE, POOL = (uuid4() for _ in range(4))


@pytest.fixture(autouse=True)
def replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SelectInLoader, LOADER, getattr(SelectInLoader, LOADER))  # taken back after the test
    assert take_known_rows(), "these versions of Prefect and SQLAlchemy have the expected form"
    assert take_known_rows()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Runs of two queues of one pool; the last run has no queue."""
    engine = create_engine("sqlite://")
    for each in TABLES:
        orm_models.Base.metadata.tables[each.__tablename__].create(engine)
    with Session(engine) as session, session.begin():
        session.add(orm_models.WorkPool(id=POOL, name="pool", type="process", base_job_template={}))
        session.add_all(
            orm_models.WorkQueue(id=each, name=str(number), work_pool_id=POOL, priority=number + 1)
            for number, each in enumerate((QUEUE, OTHER_QUEUE))
        )
        for run, queue in zip(RUNS, (QUEUE, OTHER_QUEUE, None), strict=True):
            session.add(orm_models.FlowRun(id=run, flow_id=FLOW, name="run", work_queue_id=queue))
            session.add(orm_models.FlowRunState(flow_run_id=run, type=StateType.SCHEDULED, name="Scheduled"))
    yield engine
    engine.dispose()


@pytest.fixture
def tables_read(engine: Engine) -> list[str]:
    """The tables that statements have read, in order."""
    read: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            read.append(statement.split("FROM ")[1].split()[0])

    return read


def read(session: Session, run: UUID, *, fresh: bool = False) -> orm_models.FlowRun:
    query = select(orm_models.FlowRun).where(orm_models.FlowRun.id == run)
    return session.execute(query.execution_options(populate_existing=fresh)).scalar_one()


def test_a_queue_and_a_pool_are_read_once_in_a_transaction(engine: Engine, tables_read: list[str]) -> None:
    with Session(engine) as session:
        first = read(session, RUNS[0])
        assert tables_read == ["flow_run", "work_queue", "work_pool"]
        assert first.work_queue is not None
        assert first.work_queue.name == "0"
        assert first.work_queue.work_pool.name == "pool"
        assert read(session, RUNS[0]) is first
        assert tables_read[3:] == ["flow_run"]
        other = read(session, RUNS[1])
        assert tables_read[4:] == ["flow_run", "work_queue"], "the pool of another queue is known"
        assert other.work_queue is not None
        assert other.work_queue.work_pool is first.work_queue.work_pool
        assert read(session, RUNS[2]).work_queue is None
        assert tables_read[6:] == ["flow_run"]
        assert [each.work_queue_id for each in session.execute(select(orm_models.FlowRun)).scalars()] == [
            *(QUEUE, OTHER_QUEUE, None)
        ]
    with Session(engine) as session:
        read(session, RUNS[0])
        assert tables_read[8:] == ["flow_run", "work_queue", "work_pool"], "another transaction reads for itself"


def test_who_asks_for_fresh_values_gets_them(engine: Engine, tables_read: list[str]) -> None:
    with Session(engine, expire_on_commit=False) as session:
        queue = read(session, RUNS[0]).work_queue
        assert queue is not None
        session.execute(
            update(orm_models.WorkQueue)
            .where(orm_models.WorkQueue.id == QUEUE)
            .values(name="changed")
            .execution_options(synchronize_session=False)
        )
        assert queue.name == "0" == getattr(read(session, RUNS[0]).work_queue, "name", None)
        read(session, RUNS[0], fresh=True)
        assert queue.name == "changed"


def test_what_is_known_only_in_part_is_read(engine: Engine, tables_read: list[str]) -> None:
    with Session(engine) as session:
        queue = read(session, RUNS[0]).work_queue
        assert queue is not None
        session.expire(queue, ["name"])
        del tables_read[:]
        read(session, RUNS[0], fresh=False)
        session.expunge(read(session, RUNS[0]))
        again = read(session, RUNS[0])
        assert again.work_queue is queue
        assert "work_queue" in tables_read
        assert queue.name == "0"


def test_versions_of_another_form_are_left_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def another(self: object, context: object, states: object) -> None: ...

    monkeypatch.setattr(SelectInLoader, LOADER, another)
    assert not take_known_rows()
    assert getattr(SelectInLoader, LOADER) is another
    monkeypatch.undo()
    assert "in another way" in caplog.text


def test_relations_of_another_form_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # without the replacement of the other tests
    present = getattr(SelectInLoader, LOADER)
    monkeypatch.setattr(prefect_known_rows, "RELATIONS", (("FlowRun", "no_such_relation"),))
    assert not take_known_rows()
    assert getattr(SelectInLoader, LOADER) is present
