"""What the operator sets for executors: read once, and a bad value is named by its variable."""

from __future__ import annotations

import pytest

from falcon_scheduler.adapters.http.sender import Proxy
from falcon_scheduler.adapters.settings import Settings, SettingsError


def test_lists_are_read_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER_HTTP_ALLOW", "10.0.0.0/8, [fd00::/8]:443 ,*.lan,")
    monkeypatch.setenv("SCHEDULER_PLUGINS", "my_package.tasks,/srv/plug-ins/more.py")
    scheduler = Settings.load().scheduler
    assert scheduler.http_allow == ("10.0.0.0/8", "[fd00::/8]:443", "*.lan")
    assert scheduler.plugins == ("my_package.tasks", "/srv/plug-ins/more.py")


def test_nothing_is_allowed_or_loaded_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCHEDULER_HTTP_ALLOW", "SCHEDULER_PLUGINS", "SCHEDULER_HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    scheduler = Settings.load().scheduler
    assert (scheduler.http_allow, scheduler.plugins, scheduler.http_proxy) == ((), (), None)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SCHEDULER_HTTP_ALLOW", "10.0.0.0/8,not an address"),
        ("SCHEDULER_HTTP_ALLOW", "10.0.0.0/64"),
        ("SCHEDULER_PLUGINS", "relative/path.py"),
        ("SCHEDULER_PLUGINS", "plugin.py"),
        ("SCHEDULER_PLUGINS", "os; import sys"),
        ("SCHEDULER_HTTP_PROXY", "proxy.example:3128"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert set(caught.value.faults) == {variable}


def test_a_proxy_s_password_is_taken_from_its_address_and_not_shown() -> None:
    proxy = Proxy.of("http://bob:p%40ssword@proxy.example:3128")
    assert (proxy.url, proxy.user, proxy.password) == ("http://proxy.example:3128", "bob", "p@ssword")
    assert "ssword" not in repr(proxy)
