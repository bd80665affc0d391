"""Has Prefect's server check what schedules consist of once, not for each schedule that it reads or writes.

It lists the time zones, which come from the pinned package `tzdata` and do not change in a process, and checks the
cron text, which is valid or not for ever. Source: Prefect 3.8.8, `_internal/schemas/validators.py`,
`default_timezone` and `validate_cron_string`. The texts for requests upstream are in
docs/decisions/0024-prefect-server-at-ten-thousand-tasks.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

logger = logging.getLogger(__name__)

ZONES = ("prefect._internal.schemas.validators", "get_timezones")
"""Where Prefect's check of a schedule takes the list from. No public name leads there."""
CRON = ("prefect.server.schemas.schedules", "validate_cron_string")
"""What its check of a cron schedule calls: returns a valid text, raises `ValueError` for another."""
MOST_TEXTS = 50_000
"""Valid cron texts that are remembered, about 10 MB. Errors are not remembered."""


def check_schedules_once() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect that lacks one of the functions."""
    zones = _replace(ZONES, lambda found: cache(lambda: frozenset(found())))
    cron = _replace(CRON, lru_cache(maxsize=MOST_TEXTS))
    return zones and cron


def _replace(place: tuple[str, str], remembering: Callable[[Callable[..., Any]], Callable[..., Any]]) -> bool:
    module_name, function = place
    try:
        module = import_module(module_name)
        found = getattr(module, function)
    except (ImportError, AttributeError):
        logger.warning("This version of Prefect checks schedules in another way (%s); it is left as it is", function)
        return False
    if not hasattr(found, "cache_info"):
        setattr(module, function, remembering(found))
    return True
