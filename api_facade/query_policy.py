"""Checks a query: names that the route knows, each once unless it is a list.

If a misspelt filter were dropped silently, the answer would contain everything. So our own routes refuse an unknown
name and suggest the nearest known one. The routes of go-falcon ignore it, as its clients expect, and list it in a
`Warning` header; see `POLICIES`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, get_origin

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.datastructures import QueryParams

from falcon_scheduler.core.errors import Fault

_LONGEST_NAME = 100


class UnknownNames(StrEnum):
    """What happens to a name in the query that the route does not know."""

    REFUSE = "refuse"
    """The answer is a 400 that lists it."""
    WARN = "warn"
    """The route ignores it and lists it in a `Warning` header."""


GO_FALCON_ROUTES = (
    *("get_status", "get_scheduler_status", "get_stats"),
    *("list_tasks", "create_task", "get_task", "update_task", "delete_task"),
    *("execute_task", "enable_task", "disable_task", "pause_task", "resume_task", "stop_task"),
    *("task_history", "list_executions", "get_execution", "bulk", "import_tasks"),
)
"""Names of our routes that go-falcon has too. Source: eve-modules, section 10."""
POLICIES: Mapping[str, UnknownNames] = dict.fromkeys(GO_FALCON_ROUTES, UnknownNames.WARN)
"""By the name of the route; REFUSE for all others."""
SYNONYMS: Mapping[str, str] = {"limit": "page_size", "search": "q", "start_date": "from", "end_date": "to"}
"""Names that react-falcon uses, and ours for the same. A query gives one of the two."""


def policy_of(route_name: str) -> UnknownNames:
    """The policy of a route."""
    return POLICIES.get(route_name, UnknownNames.REFUSE)


def known_names(dependant: Dependant) -> dict[str, bool]:
    """The names that a route accepts in its query, and whether each may be repeated."""
    names: dict[str, bool] = {}
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names |= {
                field.alias or name: _is_list(field.annotation) for name, field in annotation.model_fields.items()
            }
        else:
            names[parameter.alias] = _is_list(annotation)
    for inner in dependant.dependencies:
        names |= known_names(inner)
    return names


def repeated(query: QueryParams, known: Mapping[str, bool]) -> Iterator[Fault]:
    """Names that are given more than once but take one value."""
    for name in dict.fromkeys(query.keys()):
        if known.get(name) is False and len(query.getlist(name)) > 1:
            yield Fault(f"query.{name}", "is given more than once, and means one value")


def unknown(query: QueryParams, known: Mapping[str, bool]) -> Iterator[Fault]:
    """Names that the route does not know, each with the nearest known one."""
    for name in dict.fromkeys(query.keys()):
        if name not in known:
            yield Fault(f"query.{name[:_LONGEST_NAME]}", _not_known(name, known))


def given_twice(query: QueryParams, known: Mapping[str, bool]) -> Iterator[Fault]:
    """Both of two names with the same meaning."""
    for name, ours in SYNONYMS.items():
        if name in query and ours in query and {name, ours} <= known.keys():
            yield Fault(f"query.{name}", f"means the same as {ours}; give one of the two")
            yield Fault(f"query.{ours}", f"means the same as {name}; give one of the two")


def _not_known(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower()[:_LONGEST_NAME], known, n=1, cutoff=0.6)
    if near:
        return f"is not known here; did you mean {near[0]}?"
    names = ", ".join(known)
    return f"is not known here; known are {names}" if names else "is not known here; there are none"


def _is_list(annotation: Any) -> bool:
    return annotation is list or get_origin(annotation) is list
