"""Has Prefect's server list the time zones once. It lists them anew for each schedule that it reads or writes.

The zones of a process do not change: they come from the pinned package `tzdata`. Source: Prefect 3.8.8,
`_internal/schemas/validators.py`, `default_timezone`. The text for a request upstream is in
docs/decisions/0024-prefect-server-at-ten-thousand-tasks.md.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module

logger = logging.getLogger(__name__)

MODULE, FUNCTION = "prefect._internal.schemas.validators", "get_timezones"
"""Where Prefect's check of a schedule takes the list from. No public name leads there."""


def list_zones_once() -> bool:
    """Replace the function by itself with a memory. False in a version of Prefect that has no such function."""
    try:
        module = import_module(MODULE)
        found = getattr(module, FUNCTION)
    except (ImportError, AttributeError):
        logger.warning("This version of Prefect lists time zones in another way; it is left as it is")
        return False
    if not hasattr(found, "cache_info"):
        setattr(module, FUNCTION, cache(lambda: frozenset(found())))
    return True
