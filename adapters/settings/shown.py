"""Settings as administrators may see them: every value without what is secret in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from falcon_scheduler.adapters.settings import Group, Settings
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.domain.known_setting import KnownSetting, SettingSource
from falcon_scheduler.core.domain.redaction import CONCEALED, Redactor


def shown_settings(settings: Settings, environment: Mapping[str, str] = os.environ) -> Sequence[KnownSetting]:
    """Every setting of the service and of the plug-ins that are on, by name."""
    own = (settings.scheduler, settings.api, settings.mongo, settings.redis, settings.prefect, settings.alerts)
    groups = (*own, *settings.groups.values())
    redactor = Redactor(secret for group in groups for secret in _secrets_of(group))
    given = {name.upper() for name, value in environment.items() if value}
    found = [each for group in groups for each in _settings_of(group, given, redactor)]
    return sorted(found, key=lambda each: each.name)


def _settings_of(group: Group, given: set[str], redactor: Redactor) -> Iterator[KnownSetting]:
    prefix = group.model_config.get("env_prefix", "")
    for field, info in type(group).model_fields.items():
        name = f"{prefix}{field}".upper()
        is_secret = "SecretStr" in str(info.annotation)
        yield KnownSetting(
            name=name,
            value=_shown(getattr(group, field), redactor, is_secret=is_secret),
            source=_source_of(group, field, is_given=name in given),
            is_secret=is_secret,
        )


def _source_of(group: Group, field: str, *, is_given: bool) -> SettingSource:
    if is_given:
        return SettingSource.ENVIRONMENT
    return SettingSource.DERIVED if group.gives(field) else SettingSource.DEFAULT


def _shown(value: Any, redactor: Redactor, *, is_secret: bool) -> Any:
    if isinstance(value, tuple | list | set | frozenset):
        return [_shown(each, redactor, is_secret=is_secret) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_secret:
        return CONCEALED
    if isinstance(value, timedelta):
        return format_duration(value)
    return redactor.text(_bare(str(value)))


def _bare(text: str) -> str:
    """An address without credentials, query and fragment, each of which may be secret; any other text as it is."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    rest = rest.rpartition("@")[2].partition("#")[0].partition("?")[0]
    return f"{scheme}://{rest}"


def _secrets_of(group: Group) -> Iterator[str]:
    for field in type(group).model_fields:
        value = getattr(group, field)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr):
                yield each.get_secret_value()
