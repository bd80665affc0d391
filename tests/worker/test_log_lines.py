"""What an operator reads in the worker's log, when it is asked for as JSON lines."""

from __future__ import annotations

import json
import logging
import sys

from falcon_scheduler.flows.json_logs import RunLines


def line_of(record: logging.LogRecord) -> dict[str, object]:
    line: dict[str, object] = json.loads(RunLines("default").format(record))
    return line


def test_a_line_names_the_task_and_the_execution_that_it_is_about() -> None:
    record = logging.makeLogRecord(
        {
            "name": "prefect.flow_runs",
            "msg": "Execution %s completed",
            "args": ("e-1",),
            "levelname": "INFO",
            "flow_run_id": "e-1",
            "scheduler_task_id": "t-1",
            "flow_id": "f-1",
        }
    )
    line = line_of(record)
    assert line["message"] == "Execution e-1 completed"
    assert (line["execution_id"], line["task_id"], line["level"]) == ("e-1", "t-1", "info")
    assert "flow_id" not in line


def test_an_exception_stays_in_its_line() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        record = logging.LogRecord("worker", logging.ERROR, "", 0, "It broke", None, sys.exc_info())
    line = line_of(record)
    assert "\n" not in RunLines().format(record)
    assert "ValueError: first" in str(line["exception"])
