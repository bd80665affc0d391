"""Has Prefect's server look up what a request needs in the event loop itself, and know its database's dialect.

FastAPI calls a dependency that is a plain function in a thread, as it might wait. Those of Prefect's routes make an
object or read a header of the request. Each of two to four a request costs a change to another thread and back, for
microseconds of work. One of them, and each of Prefect's models besides, parses the address of the database to find
out which kind it is: an address is parsed once here. Source: Prefect 3.8.8, `server/api` and
`server/database/dependencies.py`, FastAPI 0.141.1, `dependencies/utils.py`. The text for a request upstream is in
docs/decisions/0027-statements-built-once.md.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from fastapi.dependencies import utils as fastapi_dependencies
from prefect.server.database import dependencies as database_dependencies

logger = logging.getLogger(__name__)

RUNNER = "run_in_threadpool"
"""By this name FastAPI calls plain functions that routes depend on."""
DIALECT = "get_dialect"
QUICK = (
    ("prefect.server.database.dependencies", "provide_database_interface"),
    ("prefect.server.api.workers", "WorkerLookups"),
    ("prefect.server.api.dependencies", "provide_request_api_version"),
    ("prefect.server.api.dependencies", "get_prefect_client_version"),
    ("prefect.server.api.dependencies", "get_created_by"),
    ("prefect.server.api.dependencies", "get_updated_by"),
)
"""What routes depend on that waits for nothing. What else there is goes through a thread."""


def look_up_without_threads() -> bool:
    """From now on, in this process. Repeatable. False in versions of Prefect or FastAPI of another form."""
    run = getattr(fastapi_dependencies, RUNNER, None)
    if run is not None and hasattr(run, "knows_quick_ones"):
        return True
    try:
        quick = frozenset(getattr(import_module(module), name) for module, name in QUICK)
    except (ImportError, AttributeError):
        quick = frozenset()
    if run is None or not quick:
        logger.warning("These versions of Prefect and FastAPI look up in another way; it is left as it is")
        return False
    setattr(fastapi_dependencies, RUNNER, _at_once(run, quick))
    return True


def _at_once(
    run: Callable[..., Awaitable[Any]], quick: frozenset[Callable[..., Any]]
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(run)
    async def run_quick_ones_here(call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return call(*args, **named) if call in quick else await run(call, *args, **named)

    run_quick_ones_here.knows_quick_ones = True  # type: ignore[attr-defined]
    return run_quick_ones_here


def parse_addresses_once() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect without that function."""
    find = getattr(database_dependencies, DIALECT, None)
    if find is None:
        logger.warning("This version of Prefect finds the database's dialect in another way; it is left as it is")
        return False
    if not hasattr(find, "remembers"):
        of_address = functools.lru_cache(maxsize=4)(find)

        @functools.wraps(find)
        def dialect_of(bound: Any) -> Any:
            return of_address(bound) if isinstance(bound, str) else find(bound)

        dialect_of.remembers = True  # type: ignore[attr-defined]
        setattr(database_dependencies, DIALECT, dialect_of)
    return True
