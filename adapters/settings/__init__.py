"""The environment, read once into typed groups: the only reader of `os.environ` for configuration.

    settings = Settings.load()
    settings.mongo.uri, settings.redis.host, settings.scheduler.worker_count, settings.api.jwt_secret, ...

Every variable is `<PREFIX><FIELD>` in capitals; the group has the prefix: `SCHEDULER_` and `worker_count` make
`SCHEDULER_WORKER_COUNT`. A variable that is set but empty counts as not set, as in compose files. Lengths of time are
Go durations ("90s", "1h30m"). Nothing here connects to anything.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar, cast

from pydantic import ValidationError

from falcon_scheduler.adapters.settings.groups import (
    DEFAULT_HOME,
    AlertSettings,
    ApiSettings,
    Group,
    MongoSettings,
    PrefectSettings,
    RedisSettings,
    SchedulerSettings,
)
from falcon_scheduler.adapters.settings.names import is_for_runs, unknown_names
from falcon_scheduler.adapters.system_tasks.chosen import Chosen
from falcon_scheduler.adapters.system_tasks.installed import installed
from falcon_scheduler.core.errors import SchedulerError

__all__ = [
    "DEFAULT_HOME",
    "AlertSettings",
    "ApiSettings",
    "Group",
    "MongoSettings",
    "PrefectSettings",
    "RedisSettings",
    "SchedulerSettings",
    "Settings",
    "SettingsError",
    "is_for_runs",
    "unknown_names_here",
    "warn_of_unknown_names",
]

GroupT = TypeVar("GroupT", bound=Group)


class SettingsError(SchedulerError):
    """The environment is invalid. Names each variable and its allowed values, never its value."""

    code = "settings"

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("\n".join(f"{name}: {allowed}" for name, allowed in sorted(faults.items())))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Settings:
    """Every group, read once from the environment by `load`."""

    mongo: MongoSettings
    redis: RedisSettings
    scheduler: SchedulerSettings
    api: ApiSettings
    prefect: PrefectSettings
    alerts: AlertSettings
    system_tasks: Chosen
    """The system tasks that are on, with the plug-ins that bring them."""
    groups: Mapping[type[Group], Group] = field(default_factory=dict)
    """The settings of those plug-ins."""

    def of(self, group: type[GroupT]) -> GroupT:
        """The settings of a plug-in. Raises `KeyError` for those of a plug-in that is not on."""
        return cast(GroupT, self.groups[group])

    def with_groups(self, *groups: Group) -> Self:
        """The same settings with other values for these groups of plug-ins."""
        return replace(self, groups={**self.groups, **{type(group): group for group in groups}})

    @classmethod
    def load(cls) -> Self:
        """Read the environment as it is now.

        Raises:
            SettingsError: some variables are invalid; the error names all of them.
        """
        return cls._load(of_facade=True)

    @classmethod
    def load_for_work(cls) -> Self:
        """Read what workers and runs need. What only a facade needs (`api`, `alerts`) may be missing or wrong here.

        Raises:
            SettingsError: as `load`.
        """
        return cls._load(of_facade=False)

    @classmethod
    def _load(cls, *, of_facade: bool) -> Self:
        faults: dict[str, str] = {}
        read = _Reader(faults)
        scheduler = read(SchedulerSettings)
        chosen = _chosen(scheduler, faults)
        settings = cls(
            mongo=read(MongoSettings),
            redis=read(RedisSettings),
            scheduler=scheduler,
            api=read(ApiSettings) if of_facade else ApiSettings.model_construct(),
            prefect=read(PrefectSettings),
            alerts=read(AlertSettings) if of_facade else AlertSettings.model_construct(),
            system_tasks=chosen,
            groups={group: read(group) for plugin in chosen.plugins.values() for group in plugin.settings},
        )
        if faults:
            raise SettingsError(faults)
        return settings


def _chosen(scheduler: SchedulerSettings, faults: dict[str, str]) -> Chosen:
    try:
        return installed().chosen(scheduler.system_tasks)
    except ValueError as error:
        faults["SCHEDULER_SYSTEM_TASKS"] = str(error)
        return installed().chosen(())


def unknown_names_here() -> list[str]:
    """A sentence for each variable of the environment that looks like a setting of ours and is not one."""
    return list(unknown_names(os.environ))


def warn_of_unknown_names(logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
    """Log each of them; the process goes on."""
    for sentence in unknown_names_here():
        logger.warning("%s", sentence)


class _Reader:
    """Reads one group after another and gathers what is wrong with each."""

    def __init__(self, faults: dict[str, str]) -> None:
        self._faults = faults

    def __call__(self, group: type[GroupT]) -> GroupT:
        try:
            return group()
        except ValidationError as error:
            prefix = group.model_config.get("env_prefix", "")
            for fault in error.errors(include_input=False, include_url=False):
                name = f"{prefix}{fault['loc'][0]}".upper()
                self._faults[name] = fault["msg"].removeprefix("Value error, ")
            return cast(GroupT, group.model_construct())
