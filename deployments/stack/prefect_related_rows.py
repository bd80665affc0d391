"""Has Prefect's server read the related row of one object by a statement that is built once.

With each state of a run Prefect reads the run's state, work queue, pool and deployment, and of the deployment its
limit and its schedules. SQLAlchemy's `selectin` builds a statement for each of these each time, and for lists of any
length: a key by which its own cache knows the statement, and the text for the number of values. That costs more than
what PostgreSQL is asked. Where one object is read, which is nearly always, the same rows are asked for by a statement
that is kept. Lists, and readers with options of their own, are read as before. Source: SQLAlchemy 2.0.58,
`orm/strategies.py`, Prefect 3.8.8, `server/database/orm_models.py`. The text for a request upstream is in
docs/decisions/0027-statements-built-once.md.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from prefect.server.database import orm_models
from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.orm.strategies import SelectInLoader

from falcon_scheduler.deployments.stack.prefect_known_rows import CONDITIONS, LOADER

logger = logging.getLogger(__name__)

TO_ONE = (
    ("FlowRun", "_state"),
    ("FlowRun", "work_queue"),
    ("Deployment", "work_queue"),
    ("Deployment", "global_concurrency_limit"),
    ("WorkQueue", "work_pool"),
)
TO_MANY = (("Deployment", "schedules"),)
"""Of which of Prefect's classes which attribute."""

_ITS_PARAMETERS = (
    *("self", "context", "path", "states", "load_only", "effective_entity", "loadopt", "recursion_depth"),
    "execution_options",
)
_OPTIONS = "_with_options"
"""SQLAlchemy's name for the options of a statement."""
_KEY = "key"
_UNKNOWN = object()


class _Related(NamedTuple):
    """How to find what one object is related to."""

    statement: Select[Any]
    key_attribute: str
    """Attribute of the object whose value is the statement's parameter."""
    is_list: bool


def read_related_rows_by_kept_statements() -> bool:
    """From now on, in this process. Repeatable. False in versions of SQLAlchemy or Prefect of another form."""
    load = getattr(SelectInLoader, LOADER, None)
    if load is not None and hasattr(load, "keeps_statements"):
        return True
    try:
        related = dict([*(_to_one(*each) for each in TO_ONE), *(_to_many(*each) for each in TO_MANY)])
    except (AttributeError, KeyError, ValueError, SQLAlchemyError):
        related = {}
    if not related or load is None or tuple(inspect.signature(load).parameters) != _ITS_PARAMETERS:
        logger.warning("These versions of Prefect and SQLAlchemy read related rows in another way; left as it is")
        return False
    setattr(SelectInLoader, LOADER, _by_kept_statements(load, related))
    return True


def _by_kept_statements(load: Any, related: Mapping[RelationshipProperty[Any], _Related]) -> Any:
    @functools.wraps(load)
    def load_one(
        self: Any, context: Any, path: Any, states: Any, load_only: Any, entity: Any, option: Any, *others: Any
    ) -> None:
        found = related.get(self.parent_property)
        if found and len(states) == 1 and not load_only and _is_plain(context, entity, option, others[0]):
            ((state, overwrite),) = states
            key = state.dict.get(found.key_attribute, _UNKNOWN)
            if key is not _UNKNOWN:
                value = _read(found, context.session, key, others[1])
                if overwrite or self.key not in state.dict:
                    state.get_impl(self.key).set_committed_value(state, state.dict, value)
                return
        load(self, context, path, states, load_only, entity, option, *others)

    load_one.keeps_statements = True  # type: ignore[attr-defined]
    return load_one


def _is_plain(context: Any, entity: Any, option: Any, recursion_depth: Any) -> bool:
    """Whether the reader asks for nothing but what the mapping says."""
    is_special = context.populate_existing or entity.is_aliased_class or recursion_depth is not None
    has_conditions = option and getattr(option, CONDITIONS, True)
    has_options = getattr(context.compile_state.select_statement, _OPTIONS, True)
    return not (is_special or has_conditions or has_options)


def _read(related: _Related, session: Any, key: Any, execution_options: Any) -> Any:
    if key is None:
        return None
    found = session.execute(related.statement, {_KEY: key}, execution_options=execution_options).scalars()
    return found.all() if related.is_list else found.one_or_none()


def _to_one(class_name: str, name: str) -> tuple[RelationshipProperty[Any], _Related]:
    mapper, found = _relation(class_name, name)
    (column,) = found.local_columns
    (key,) = found.mapper.primary_key
    statement = select(found.mapper).where(key == bindparam(_KEY, type_=key.type))
    return found, _Related(statement, mapper.get_property_by_column(column).key, is_list=False)


def _to_many(class_name: str, name: str) -> tuple[RelationshipProperty[Any], _Related]:
    mapper, found = _relation(class_name, name)
    ((own, foreign),) = found.local_remote_pairs or ()
    statement = select(found.mapper).where(foreign == bindparam(_KEY, type_=foreign.type))
    if found.order_by:
        statement = statement.order_by(*found.order_by)
    return found, _Related(statement, mapper.get_property_by_column(own).key, is_list=True)


def _relation(class_name: str, name: str) -> tuple[Mapper[Any], RelationshipProperty[Any]]:
    """The relation, if it is read by `selectin`, and nothing that is read with it leads back to its beginning.

    Raises:
        ValueError: it is not, or something does.
    """
    mapper: Mapper[Any] = getattr(orm_models, class_name).__mapper__
    found = mapper.relationships[name]
    if found.lazy != "selectin" or found.secondary is not None or mapper in _read_with(found.mapper):
        raise ValueError(name)
    return mapper, found


def _read_with(mapper: Mapper[Any], known: frozenset[Mapper[Any]] = frozenset()) -> frozenset[Mapper[Any]]:
    """The classes whose objects come with one of this class.

    Raises:
        ValueError: one of them comes by a join, which needs another statement.
    """
    known |= {mapper}
    for relation in mapper.relationships:
        if relation.lazy in {"joined", "immediate", "subquery", False}:
            raise ValueError(relation.key)
        if relation.lazy == "selectin" and relation.mapper not in known:
            known |= _read_with(relation.mapper, known)
    return known
