"""Has Prefect's server read a run that gets a new state by a statement that is built once.

`read_flow_run` asks for the run's work queue and its pool by options that say what the mapping says anyway. With
options the statement is built, and known to SQLAlchemy's cache, anew each time, and so is each one that reads a
related row (`prefect_related_rows.py`). The kept statement is the same without them. Source: Prefect 3.8.8,
`server/models/flow_runs.py`. The text for a request upstream is in docs/decisions/0027-statements-built-once.md.
"""

from __future__ import annotations

import inspect
import logging
from typing import Any
from uuid import UUID

from prefect.server.database import orm_models
from prefect.server.models import flow_runs
from sqlalchemy import bindparam, select

logger = logging.getLogger(__name__)

READER = "read_flow_run"
_ITS_PARAMETERS = ("db", "session", "flow_run_id", "for_update")
_DEFAULT = (("FlowRun", "work_queue"), ("WorkQueue", "work_pool"))
"""What the options ask for, and comes without them."""


def read_runs_by_a_kept_statement() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect that reads a run in another way."""
    reader = getattr(flow_runs, READER, None)
    if hasattr(reader, "keeps_statement"):
        return True
    if not _is_known(reader):
        logger.warning("This version of Prefect reads a run in another way; it is left as it is")
        return False
    kept = select(orm_models.FlowRun).where(orm_models.FlowRun.id == bindparam("id"))
    statements = {False: kept, True: kept.with_for_update()}

    async def read(session: Any, flow_run_id: UUID, for_update: bool = False) -> orm_models.FlowRun | None:
        result = await session.execute(statements[bool(for_update)], {"id": flow_run_id})
        return result.scalar()  # type: ignore[no-any-return]

    read.keeps_statement = True  # type: ignore[attr-defined]
    setattr(flow_runs, READER, read)
    return True


def _is_known(reader: Any) -> bool:
    function = getattr(reader, "_func", None)
    if function is None or tuple(inspect.signature(function).parameters) != _ITS_PARAMETERS:
        return False
    relations = (getattr(orm_models, name).__mapper__.relationships.get(relation) for name, relation in _DEFAULT)
    return all(each is not None and each.lazy == "selectin" for each in relations)
