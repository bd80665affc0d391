"""Prefect ignores variables that it does not know, so a misspelt setting would go unnoticed."""

from __future__ import annotations

import pytest
from prefect.settings.legacy import _get_settings_fields
from prefect.settings.models.root import Settings as PrefectSettings

from falcon_scheduler.adapters.settings import SchedulerSettings
from falcon_scheduler.deployments.stack.prefect_settings import server_settings, shared_settings, worker_settings

OURS = {
    **shared_settings(),
    **server_settings(SchedulerSettings.model_construct()),
    **worker_settings(),
}
NOT_A_SETTING_OF_PREFECT = {"DO_NOT_TRACK", "PYTHONTZPATH"}


@pytest.mark.parametrize("name", sorted(OURS.keys() - NOT_A_SETTING_OF_PREFECT))
def test_prefect_knows_the_setting_and_its_default_is_another(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    accessor = _get_settings_fields(PrefectSettings)[name].accessor
    monkeypatch.delenv(name, raising=False)
    default = value_of(accessor)
    monkeypatch.setenv(name, OURS[name])
    assert value_of(accessor) != default


def value_of(accessor: str) -> object:
    value: object = PrefectSettings()
    for part in accessor.split("."):
        value = getattr(value, part)
    return value
