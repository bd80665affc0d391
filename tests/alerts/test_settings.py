"""Channels in the environment: read with their names, refused by their variable's name, never quoted."""

from __future__ import annotations

import pytest

from falcon_scheduler.adapters.alerts.addresses import read_addresses
from falcon_scheduler.adapters.settings import Settings, SettingsError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def loaded(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"ALERT_{name}", value)
    return Settings.load()


def test_addresses_may_hold_commas_and_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(
        monkeypatch,
        WEBHOOK_SECRET=SECRET,
        WEBHOOKS="ops=https://h.example/x?to=a,b, https://h.example/y\nhttps://h.example/z",
        APPRISE="mail=mailtos://u:p@h.example?to=a@h.example,b@h.example",
    )
    hooks = read_addresses([each.get_secret_value() for each in settings.alerts.webhooks], "webhook")
    assert [(each.name, each.url) for each in hooks] == [
        ("ops", "https://h.example/x?to=a,b"),
        ("webhook-2", "https://h.example/y"),
        ("webhook-3", "https://h.example/z"),
    ]
    assert "h.example" not in repr(settings)
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "at_fault", "words"),
    [
        ({"WEBHOOKS": "https://S3CR3T.example"}, "ALERT_WEBHOOKS", "ALERT_WEBHOOK_SECRET"),
        ({"WEBHOOKS": "ftp://S3CR3T.example", "WEBHOOK_SECRET": SECRET}, "ALERT_WEBHOOKS", "http"),
        ({"WEBHOOKS": "S3CR3T", "WEBHOOK_SECRET": SECRET}, "ALERT_WEBHOOKS", "number 1"),
        ({"WEBHOOKS": "prefect=https://S3CR3T.example", "WEBHOOK_SECRET": SECRET}, "ALERT_WEBHOOKS", "taken"),
        ({"WEBHOOKS": "a=https://S3CR3T a=https://b", "WEBHOOK_SECRET": SECRET}, "ALERT_WEBHOOKS", "taken"),
        ({"WEBHOOK_SECRET": "S3CR3T"}, "ALERT_WEBHOOK_SECRET", "24 bytes"),
        ({"WEBHOOK_SECRET": "whsec_S3CR3T!"}, "ALERT_WEBHOOK_SECRET", "base64"),
        ({"TIMEOUT": "2m"}, "ALERT_TIMEOUT", "1s to 30s"),
        ({"FAILURE_RATE": "2"}, "ALERT_FAILURE_RATE", "less than or equal to 1"),
    ],
)
def test_what_is_wrong_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], at_fault: str, words: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(monkeypatch, **variables)
    assert set(refused.value.faults) == {at_fault}
    assert words in refused.value.faults[at_fault]
    assert "S3CR3T" not in str(refused.value)
