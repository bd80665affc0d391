"""The runs that Prefect's planner puts into its database are our instants: none missing, none doubled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from falcon_scheduler.core.domain.schedule import parse

SCHEDULES = [
    ("* * * * * *", "UTC"),
    ("*/10 * * * * *", "America/New_York"),
    ("7,11 * * * * *", "Europe/Berlin"),
    ("0 */5 * * * *", "UTC"),
    ("0 0 * * * *", "Australia/Lord_Howe"),
    ("0 0 3 * * SUN", "UTC"),
    ("0 30 2 * * *", "America/New_York"),
    ("0 0 */2 * * *", "Europe/Berlin"),
    ("0 0 * * * SUN", "America/New_York"),
    ("0 0 0 13 * FRI", "Asia/Tokyo"),
    ("0 0 0 */15 * *", "UTC"),
    ("0 0 0 */2 * MON", "UTC"),
    ("0 0 22-2 * * fri-7", "Europe/Berlin"),
    ("@monthly", "Africa/Casablanca"),
    ("@every 7m", "Asia/Kathmandu"),
]


@pytest.mark.slow
def test_prefects_planner_plans_our_instants(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    done = subprocess.run(
        [sys.executable, "-m", "tests.schedules.planner"],
        input=json.dumps(SCHEDULES),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={
            # Without what the session's stack put there: its settings, and zone data other than this process has.
            **{name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PYTHONTZ"))},
            "PREFECT_HOME": str(tmp_path),
            "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tmp_path}/prefect.db",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        },
    )
    assert done.returncode == 0, done.stderr
    for (expression, zone), seconds in zip(SCHEDULES, json.loads(done.stdout), strict=True):
        planned = [datetime.fromtimestamp(each, UTC) for each in seconds]
        assert planned, (expression, zone)
        assert before <= planned[0]
        if expression.startswith("@every"):
            assert {later - earlier for earlier, later in pairwise(planned)} == {timedelta(minutes=7)}
        else:
            # Each Prefect schedule is planned for itself: far ahead, one may have got further than another.
            sure = planned[: max(3, len(planned) // 7)]
            ours = parse(expression, zone).upcoming(sure[0] - timedelta(seconds=1), len(sure))
            assert sure == ours, (expression, zone)
        assert len(set(planned)) == len(planned)
