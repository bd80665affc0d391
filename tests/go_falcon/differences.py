"""What go-falcon reads in another way after a takeover and the way back, each difference meant."""

from __future__ import annotations

from typing import Any

from tests.go_falcon.recorded import as_go_reads, documents, go_task
from tests.system_tasks import SYSTEM_TASKS

FOREIGN_SYSTEM_TASKS = sorted(
    each["_id"]
    for each in documents("scheduler_tasks")
    if each["_id"].startswith("system-") and each["_id"] not in SYSTEM_TASKS
)
AT_EVERY_WRITE = {"metadata.version", "metadata.tags", "metadata.source", "metadata.is_system", "priority"}
"""Unknown values are written as what they are read as: no tags as an empty list, an unknown priority as normal."""
LEFTOVERS = sorted(each["_id"] for each in documents("scheduler_executions") if each["status"] == "running")


def difference(document: dict[str, Any]) -> set[str]:
    """The fields that go-falcon reads in another way than before, dotted."""
    read, before = go_task(document), as_go_reads("scheduler_tasks")[document["_id"]]
    fields = {name for name in read.keys() | before.keys() if read.get(name) != before.get(name)} - {"metadata"}
    ours, theirs = read["metadata"], before["metadata"]
    return fields | {f"metadata.{name}" for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}


def meant(document: dict[str, Any]) -> set[str]:
    """What the takeover and the way back change on purpose; docs/go-falcon.md lists it."""
    fields = {
        "metadata.average_runtime",  # to the microsecond
        "last_run_duration",
    }
    if document["_id"] in SYSTEM_TASKS:
        fields |= {"schedule", "description", "config", "updated_at", "updated_by", "metadata.tags"}
        fields |= {"metadata.timeout", "metadata.version", "name"}
    elif document["_id"].startswith("system-"):
        fields |= {"updated_at", "updated_by", "metadata.version"}
    before = as_go_reads("scheduler_tasks")[document["_id"]]
    if before["status"] == "running" or not before["enabled"]:
        fields |= {"status"}  # nothing runs any more; go-falcon writes `pending` for a disabled task, we `disabled`
    if before["metadata"]["timeout"] == "0s":
        fields |= {"metadata.timeout"}  # there each attempt expires at once; here it is the default of 5m
    return fields | AT_EVERY_WRITE
