"""Has Prefect's server take a work queue and a work pool that a transaction has read already from its memory.

Every flow run and every deployment that Prefect reads comes with its work queue and that queue's pool. SQLAlchemy's
`selectin` sends one statement for each of them each time, also for a row that the same session has read before, and
then drops the answer: an object that is known keeps its values. Seven of the 45 statements of a run by hand are such,
and four of the 31 of a new deployment. The known object is used at once here, unless the reader asks for fresh
values, or not all of it is known. Source: SQLAlchemy 2.0.58, `orm/strategies.py`, Prefect 3.8.8,
`server/database/orm_models.py`. The text for a request upstream is in docs/decisions/0026-cheaper-prefect-server.md.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any, NamedTuple

from prefect.server.database import orm_models
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper, RelationshipProperty
from sqlalchemy.orm.strategies import SelectInLoader

logger = logging.getLogger(__name__)

RELATIONS = (("FlowRun", "work_queue"), ("Deployment", "work_queue"), ("WorkQueue", "work_pool"))
"""Of which of Prefect's classes which attribute is taken from what is known."""

LOADER = "_load_for_path"
CONDITIONS = "_extra_criteria"
"""Where a loader option has the conditions of its own. Without that attribute no option is known to have none."""
_ITS_PARAMETERS = (
    *("self", "context", "path", "states", "load_only", "effective_entity", "loadopt", "recursion_depth"),
    "execution_options",
)


class _Relation(NamedTuple):
    """One of `RELATIONS`, as far as it is needed to find the related object."""

    key_attribute: str
    target: Mapper[Any]
    whole: frozenset[str]
    """What a related object has when it is known as a whole."""


def take_known_rows() -> bool:
    """From now on, in this process. Repeatable. False in versions of SQLAlchemy or Prefect of another form."""
    load = getattr(SelectInLoader, LOADER, None)
    if load is not None and hasattr(load, "takes_known_rows"):
        return True
    try:
        relations = dict(_relation(*each) for each in RELATIONS)
    except (AttributeError, KeyError, ValueError, SQLAlchemyError):
        relations = {}
    if not relations or load is None or tuple(inspect.signature(load).parameters) != _ITS_PARAMETERS:
        logger.warning("These versions of Prefect and SQLAlchemy read related rows in another way; left as it is")
        return False
    setattr(SelectInLoader, LOADER, _taking_known(load, relations))
    return True


def _taking_known(load: Any, relations: dict[RelationshipProperty[Any], _Relation]) -> Any:
    @functools.wraps(load)
    def load_unknown(
        self: Any, context: Any, path: Any, states: Any, load_only: Any, entity: Any, option: Any, *others: Any
    ) -> None:
        relation = relations.get(self.parent_property)
        is_special = load_only or context.populate_existing or entity.is_aliased_class
        if relation and not is_special and not (option and getattr(option, CONDITIONS, True)):
            states = [each for each in states if not _is_taken(relation, self.key, context.session, *each)]
            if not states:
                return
        load(self, context, path, states, load_only, entity, option, *others)

    load_unknown.takes_known_rows = True  # type: ignore[attr-defined]
    return load_unknown


def _is_taken(relation: _Relation, name: str, session: Any, state: Any, overwrite: bool) -> bool:
    """Give a read object its related one if the session knows all of that. Returns whether it does."""
    related_id = state.dict.get(relation.key_attribute)
    if related_id is None:
        return False
    known = session.identity_map.get(relation.target.identity_key_from_primary_key((related_id,)))
    if known is None or not relation.whole <= known.__dict__.keys():
        return False
    if overwrite or name not in state.dict:
        state.get_impl(name).set_committed_value(state, state.dict, known)
    return True


def _relation(class_name: str, name: str) -> tuple[RelationshipProperty[Any], _Relation]:
    mapper: Mapper[Any] = getattr(orm_models, class_name).__mapper__
    found = mapper.relationships[name]
    (column,) = found.local_columns
    target = found.mapper
    (_,) = target.primary_key
    whole = {each.key for each in target.column_attrs} | {
        each.key for each in target.relationships if each.lazy == "selectin"
    }
    return found, _Relation(mapper.get_property_by_column(column).key, target, frozenset(whole))
