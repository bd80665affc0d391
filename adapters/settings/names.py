"""Finds variables of the environment that look like settings of ours and are not. Without it a misspelt name would be
ignored silently, and the default would apply."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache

from falcon_scheduler.adapters.settings.groups import (
    AlertSettings,
    ApiSettings,
    Group,
    MongoSettings,
    PrefectSettings,
    RedisSettings,
    SchedulerSettings,
)
from falcon_scheduler.adapters.system_tasks.installed import installed

OWN_GROUPS: Sequence[type[Group]] = (
    MongoSettings,
    RedisSettings,
    SchedulerSettings,
    ApiSettings,
    PrefectSettings,
    AlertSettings,
)
OWN_PREFIX = "SCHEDULER_"
"""No other program uses it, so every unknown name with it is reported."""
SHARED_PREFIXES = ("ALERT_", "API_", "ESI_", "EVE_", "JWT_", "METRICS_", "MONGODB_", "REDIS_")
"""Other programs use these too, so an unknown name is reported only when it is close to one of ours."""
READ_ELSEWHERE = ("SCHEDULER_PRELOAD",)
"""Read by a part of the program that does not use these settings."""

_OF_PREFECTS_SERVER = re.compile(
    r"PREFECT_(SERVER_API_AUTH_STRING|SERVER_DOCKET_URL|(API|SERVER)_DATABASE_\w+|REDIS_\w+)"
)
_NEARLY = 0.8
_ALIKE = 0.6
# Kubernetes and Docker describe a service named `scheduler` or `redis` by variables such as these.
_SERVICE_LINK = re.compile(r"_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)")


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Every variable that is read."""
    groups = (*OWN_GROUPS, *plugin_groups())
    return frozenset(name.upper() for name in _fields(groups)) | frozenset(READ_ELSEWHERE)


def plugin_groups() -> Sequence[type[Group]]:
    """The settings of every plug-in that is installed, on or not."""
    return [group for plugin in installed().plugins.values() for group in plugin.settings]


@lru_cache(maxsize=1)
def shared_prefixes() -> tuple[str, ...]:
    """The prefixes of all settings but the scheduler's own."""
    of_plugins = (group.model_config.get("env_prefix", "").upper() for group in plugin_groups())
    return (*SHARED_PREFIXES, *filter(None, of_plugins))


def _fields(groups: Iterable[type[Group]]) -> Iterator[str]:
    return (f"{group.model_config.get('env_prefix', '')}{name}" for group in groups for name in group.model_fields)


@lru_cache(maxsize=1)
def facade_names() -> frozenset[str]:
    """The variables that only a facade reads: token keys and alert channels."""
    return frozenset(name.upper() for name in _fields((ApiSettings, AlertSettings)))


def is_for_runs(name: str) -> bool:
    """Whether a run gets this variable in its environment. Users define the work of a run, so it gets no key of the
    facade and neither password nor database of Prefect's server: its own credential is enough."""
    return name not in facade_names() and not _OF_PREFECTS_SERVER.fullmatch(name)


def unknown_names(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each unknown name, with the nearest known one. Values are never quoted.

    A variable that is set but empty counts as not set.
    """
    known = known_names()
    for name, value in sorted(environment.items()):
        upper = name.upper()
        if not value or upper in known or value.startswith("tcp://") or _SERVICE_LINK.search(upper):
            continue
        if upper.startswith(OWN_PREFIX):
            yield _sentence(name, _nearest(upper, known, _ALIKE))
        elif upper.startswith(shared_prefixes()) and (nearest := _nearest(upper, known, _NEARLY)):
            yield _sentence(name, nearest)


def _nearest(name: str, known: frozenset[str], cutoff: float) -> str | None:
    if (bare := name.removeprefix(OWN_PREFIX)) in known:
        return bare
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=cutoff)), None)


def _sentence(name: str, nearest: str | None) -> str:
    question = f"; did you mean {nearest}?" if nearest else "; docs/operations.md lists those that are"
    return f"{name} is not a setting and is ignored{question}"
