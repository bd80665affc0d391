"""Plug-ins of system tasks: what is loaded, what is refused and with which words, and which are on."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from falcon_scheduler.adapters.settings import Settings, SettingsError, names, unknown_names_here
from falcon_scheduler.adapters.system_tasks import installed as loading
from falcon_scheduler.adapters.system_tasks.installed import GROUP, Installed, StaleInstallation, installed, load
from tests.distribution import install

HEAD = """
from falcon_scheduler.adapters.settings import Group
from falcon_scheduler.adapters.system_tasks import Parameters, SystemTask, SystemTaskPlugin
from pydantic_settings import SettingsConfigDict

async def work(parameters, context, world):
    return "done"

class ShopSettings(Group):
    model_config = SettingsConfigDict(env_prefix="SHOP_")
    largest_order: int = 7

class Count(Parameters):
    days: int = 1

def task(**fields):
    return SystemTask(**{"id": "system-count", "name": "Count", "schedule": "0 0 1 * * *", "work": work} | fields)
"""
Install = Callable[[str], None]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a distribution whose plug-in `shop` is what the given line makes."""
    monkeypatch.syspath_prepend(tmp_path)

    def put(line: str) -> None:
        code = HEAD + textwrap.dedent(line)
        install(tmp_path, "tested_shop", code, f"[{GROUP}]\nshop = tested_shop:SHOP\n")
        forget()

    yield put
    sys.modules.pop("tested_shop", None)
    monkeypatch.undo()
    forget()


def forget() -> None:
    """What a process remembers of the installed plug-ins."""
    installed.cache_clear()
    names.known_names.cache_clear()
    names.shared_prefixes.cache_clear()


def test_a_single_task_is_a_plug_in_too(shop: Install) -> None:
    shop("SHOP = task()")
    settings = Settings.load()
    assert settings.system_tasks.problems == []
    assert settings.system_tasks.tasks["system-count"].definition.config["task_name"] == "count"
    assert len(settings.system_tasks.tasks) == 8


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("SHOP = task(id='count')", "id 'count' must be system- and lower-case words"),
        ("SHOP = task(id='system-Count')", "id 'system-Count' must be"),
        ("SHOP = task(id='system-health-check')", "'housekeeping' brings system-health-check already"),
        ("SHOP = task(id='system-token-refresh')", "'eve' brings system-token-refresh already"),
        ("SHOP = SystemTaskPlugin(tasks=[task(), task()])", "'shop' brings system-count already"),
        ("SHOP = task(schedule='whenever')", "system-count: schedule "),
        ("SHOP = task(max_retries=11)", "system-count: metadata.max_retries must be 0 to 10"),
        ("SHOP = task(parameters=Count, defaults={'days': 'many'})", "system-count: defaults.days "),
        ("SHOP = task(defaults={'days': 1})", "system-count: defaults.days "),
        ("SHOP = task(work=lambda parameters, context, world: None)", "work must be an async function"),
        ("SHOP = task(parameters=dict)", "parameters must be a pydantic model"),
        ("SHOP = {'id': 'system-count'}", "is a dict, neither a SystemTaskPlugin nor a SystemTask"),
        ("SHOP = SystemTaskPlugin(tasks=[None])", "one of its tasks is a NoneType"),
        ("raise OSError('/secret/path')", "it raises OSError when it is imported; see the log"),
        ("", "it raises AttributeError when it is imported; see the log"),
    ],
)
def test_a_plug_in_that_is_not_what_it_should_be_is_named_and_stops_nothing(
    shop: Install, line: str, words: str
) -> None:
    shop(line)
    chosen = Settings.load().system_tasks
    (problem,) = chosen.problems
    assert problem.startswith("Plug-in 'shop' of system tasks can't be used: ")
    assert words in problem
    assert "/secret/path" not in problem
    assert len(chosen.tasks) == 7


def test_a_second_plug_in_of_the_same_name_is_refused(shop: Install) -> None:
    own = [point for point in entry_points(group=GROUP) if point.name == "eve"]
    found = load([*own, EntryPoint("eve", "nowhere:NOTHING", GROUP)])
    assert list(found.plugins) == ["eve"]
    assert [each.reason for each in found.failures.values()] == ["there is a plug-in 'eve' already"]


def test_its_settings_are_read_with_the_others_and_a_bad_value_is_told_by_its_name(
    shop: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop("SHOP = SystemTaskPlugin(tasks=[task()], settings=[ShopSettings])")
    monkeypatch.setenv("SHOP_LARGEST_ORDER", "9")
    settings = Settings.load()
    (group,) = [each for each in settings.groups if each.__name__ == "ShopSettings"]
    assert settings.of(group).model_dump() == {"largest_order": 9}
    monkeypatch.setenv("SHOP_LARGEST_ORDER", "many")
    with pytest.raises(SettingsError, match=r"^SHOP_LARGEST_ORDER: "):
        Settings.load_for_work()
    monkeypatch.setenv("SHOP_LARGEST_ODER", "9")
    assert [each for each in unknown_names_here() if "did you mean SHOP_LARGEST_ORDER?" in each]


def test_the_settings_of_a_plug_in_that_is_off_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESI_COMPATIBILITY_DATE", "yesterday")
    monkeypatch.setenv("SCHEDULER_SYSTEM_TASKS", "housekeeping")
    assert Settings.load().groups == {}


@pytest.mark.parametrize(
    ("value", "on"),
    [
        ("", {"housekeeping": 3, "eve": 4}),
        ("housekeeping", {"housekeeping": 3}),
        ("eve", {"eve": 4}),
        ("housekeeping, system-token-refresh", {"housekeeping": 3, "eve": 1}),
    ],
)
def test_the_setting_names_plug_ins_and_tasks_that_are_on(
    monkeypatch: pytest.MonkeyPatch, value: str, on: dict[str, int]
) -> None:
    monkeypatch.setenv("SCHEDULER_SYSTEM_TASKS", value)
    chosen = Settings.load().system_tasks
    assert list(chosen.plugins) == list(on)
    assert len(chosen.tasks) == sum(on.values())
    assert chosen.tasks.keys().isdisjoint(chosen.left_out)
    assert len(chosen.tasks) + len(chosen.left_out) == 7


@pytest.mark.parametrize("value", ["evee", "housekeeping,system-tea-break"])
def test_a_name_that_nothing_has_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SCHEDULER_SYSTEM_TASKS", value)
    with pytest.raises(SettingsError, match=r"^SCHEDULER_SYSTEM_TASKS: .* \(housekeeping, eve\)"):
        Settings.load()


def test_a_task_of_a_plug_in_that_can_not_be_loaded_may_be_named(
    shop: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop("raise ImportError")
    monkeypatch.setenv("SCHEDULER_SYSTEM_TASKS", "housekeeping,shop,system-count")
    assert len(Settings.load().system_tasks.tasks) == 3


def test_an_installation_that_is_older_than_the_code_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    installed.cache_clear()
    monkeypatch.setattr(loading, "entry_points", lambda group: ())
    with pytest.raises(StaleInstallation, match="make install"):
        installed()
    monkeypatch.undo()
    assert isinstance(installed(), Installed)
