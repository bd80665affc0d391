"""A deployment brings its own module: an installed package with an entry point, and no import of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.eve.universe_bench import Bench

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Installs a package into a folder of this test's: its code, and its entry point of our group."""
    sys.path.insert(0, str(tmp_path))

    def write(entry: str, code: str) -> None:
        (tmp_path / "own_eve_module.py").write_text(code)
        information = tmp_path / "own_eve_module-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text("Metadata-Version: 2.1\nName: own-eve-module\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text(f"[falcon_scheduler.modules]\n{entry}\n")

    yield write
    sys.path.remove(str(tmp_path))
    sys.modules.pop("own_eve_module", None)


async def test_an_object_with_the_method_takes_the_place_of_ours(bench: Bench, install: Install) -> None:
    install(
        "corporation = own_eve_module:Own",
        "class Own:\n"
        "    @staticmethod\n"
        "    async def update_all_corporations(options, report):\n"
        "        report.count('updated', options.concurrent_workers)\n"
        "        return {'updated': options.concurrent_workers, 'failed': 1}\n",
    )
    bench.esi["user_agent"] = None

    result = await bench.run("corporation_update", concurrent_workers=7)

    assert result.success
    assert result.output == "Processed 8 corporations: 7 updated, 0 unchanged, 0 skipped, 1 failed"
    assert bench.demo.requests.total() == 0


async def test_a_factory_is_given_the_database_and_redis(bench: Bench, install: Install) -> None:
    install(
        "auth = own_eve_module:create",
        "class Own:\n"
        "    def __init__(self, database):\n"
        "        self.database = database\n"
        "    async def refresh_expiring_tokens(self, options, report):\n"
        "        await self.database['mine'].insert_one({'was': 'here'})\n"
        "        return 3, 1\n"
        "def create(database, redis):\n"
        "    return Own(database)\n",
    )
    bench.eve["client_id"] = None

    result = await bench.run("token_refresh")

    assert result.output == "Processed 4 tokens: 3 successful, 1 failed"
    assert await bench.database["mine"].count_documents({}) == 1


async def test_a_module_without_the_method_fails_its_task_with_a_sentence(bench: Bench, install: Install) -> None:
    install("character = own_eve_module:Own", "class Own:\n    def __init__(self, database, redis):\n        pass\n")

    result = await bench.run("character_affiliation_update")

    assert not result.success
    assert "has no method update_all_affiliations" in result.error
