"""The start of Prefect's server makes each replacement of decisions 0024, 0026 and 0027, where it may."""

from __future__ import annotations

import sys

import jsonschema
import pytest
import uvicorn
from fastapi.dependencies import utils as fastapi_dependencies
from prefect._internal.schemas import validators
from prefect.server.concurrency.lease_storage import filesystem
from prefect.server.database import dependencies
from prefect.server.models import deployments, flow_runs
from prefect.server.schemas import schedules
from prefect.server.utilities.database import Timestamp
from prefect.settings import PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE, temporary_settings
from prefect.types._datetime import DateTime
from prefect.utilities.schema_tools import validation
from sqlalchemy.orm.strategies import SelectInLoader

from falcon_scheduler.deployments.stack import prefect_server
from falcon_scheduler.deployments.stack.prefect_leases import KnownLeases

REPLACED = (
    (SelectInLoader, "_load_for_path"),
    (validation._VALIDATOR, "check_schema"),
    (jsonschema.Draft202012Validator, "check_schema"),
    (validators, "get_timezones"),
    (schedules, "validate_cron_string"),
    (deployments, "_generate_scheduled_flow_runs"),
    (SelectInLoader, "_load_for_path"),
    (flow_runs, "read_flow_run"),
    (Timestamp, "process_bind_param"),
    (DateTime, "instance"),
    (fastapi_dependencies, "run_in_threadpool"),
    (dependencies, "get_dialect"),
    (filesystem, "ConcurrencyLeaseStorage"),
)


@pytest.mark.parametrize(("options", "is_only_process"), [([], True), (["--no-services"], False)])
def test_the_server_starts_with_all_of_them(
    monkeypatch: pytest.MonkeyPatch, options: list[str], is_only_process: bool
) -> None:
    for where, name in REPLACED:
        monkeypatch.setattr(where, name, getattr(where, name))  # taken back after the test
    started: list[object] = []
    monkeypatch.setattr(prefect_server, "mark_what_changes", lambda: started.append("marks"))
    monkeypatch.setattr(prefect_server, "build", lambda *_, **__: "app")
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: started.append(app))
    monkeypatch.setattr(sys, "argv", ["prefect_server", *options])
    with temporary_settings({PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE: filesystem.__name__}):
        prefect_server.main()
    assert started == ["marks", "app"]
    marks = (
        *("takes_known_rows", "remembers", "remembers", "cache_info", "cache_info", "names_runs"),
        *(
            "keeps_statements",
            "keeps_statement",
            "hands_over_plain",
            "takes_over_utc",
            "knows_quick_ones",
            "remembers",
        ),
    )
    for (where, name), mark in zip(REPLACED, marks, strict=False):
        assert hasattr(getattr(where, name), mark), name
    storage: object = filesystem.ConcurrencyLeaseStorage
    assert (storage is KnownLeases) is is_only_process
