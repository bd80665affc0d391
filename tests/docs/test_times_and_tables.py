"""What the pages say of times and of Prefect's settings is what the code says."""

from __future__ import annotations

import importlib
import re
from datetime import timedelta
from pathlib import Path

import pytest

from falcon_scheduler.adapters.settings import SchedulerSettings
from falcon_scheduler.core.domain.duration import parse_duration
from falcon_scheduler.deployments.stack.prefect_settings import server_settings, shared_settings, worker_settings

DOCS = Path(__file__).parents[2] / "docs"
_TIME = re.compile(r"^\| .+ \| (\w+) \| `([\w.]+)\.(\w+)` \|$", re.MULTILINE)
TIMES = _TIME.findall((DOCS / "reliability.md").read_text())


@pytest.mark.parametrize(("told", "module", "constant"), TIMES, ids=lambda value: value)
def test_a_time_is_the_one_that_the_code_keeps(told: str, module: str, constant: str) -> None:
    kept: timedelta = getattr(importlib.import_module(module), constant)
    assert parse_duration(told) == kept


def test_the_page_of_times_names_some() -> None:
    assert len(TIMES) > 10


def test_the_settings_of_the_prefect_server_are_reported_with_their_values() -> None:
    page = (DOCS / "operations.md").read_text()
    table = re.search(r"^\| setting \(`PREFECT_SERVER_….*\n(?:\|.*\n)+", page, re.MULTILINE)
    assert table is not None
    told = {f"PREFECT_SERVER_{name}": value for name, value in re.findall(r"^\| `(\w+)` \| (\S+) \|", table[0], re.M)}
    ours = server_settings(SchedulerSettings.model_construct()) | shared_settings()
    assert told == {name: value for name, value in ours.items() if name.startswith("PREFECT_SERVER_")}


def test_the_settings_of_workers_are_reported_with_their_values() -> None:
    page = (DOCS / "operations.md").read_text()
    for name, value in worker_settings().items():
        assert f"`{name}={value}`" in page
