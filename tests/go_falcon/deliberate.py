"""In what this service's answers differ from go-falcon's on purpose: the table of docs/go-falcon.md, and its meaning.

A row that names fields allows a comparison of documents to differ there, where its rule says so. The other rows are
about answers as a whole, and `test_client` asserts each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from falcon_scheduler.adapters.mongo.fields import duration_of
from tests.system_tasks import SYSTEM_TASKS

MISSING = object()
Rule = Callable[[Any, Any, Mapping[str, Any]], bool]
"""Whether two values of a field may differ: go-falcon's, ours, and go-falcon's whole document."""


def _always(_go: Any, _here: Any, _document: Mapping[str, Any]) -> bool:
    return True


def _are_texts(*values: Any) -> bool:
    return all(isinstance(each, str) for each in values)


def _same_instant(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return _are_texts(go, here) and datetime.fromisoformat(go) == datetime.fromisoformat(here)


def _same_microsecond(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return _are_texts(go, here) and duration_of(go) == duration_of(here)


def _empty_here(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return go is MISSING and here in ("", 0)


def _reason_here(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return go is MISSING and isinstance(here, str) and here.startswith(("schedule", "config", "name", "type"))


def _only_here(go: Any, _here: Any, _document: Mapping[str, Any]) -> bool:
    return go is MISSING


def _no_tags(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return go is None and here == []


def _no_timeout(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return (go, here) == ("0s", "5m0s")


def _unknown(go: Any, here: Any, _document: Mapping[str, Any]) -> bool:
    return go not in {"low", "normal", "high", "critical", "api", "system", "import"} and here in {"normal", "api"}


def _claimed(go: Any, here: Any, document: Mapping[str, Any]) -> bool:
    return (go, here) == (True, False) and document["id"] not in SYSTEM_TASKS


def _of_the_seven(_go: Any, _here: Any, document: Mapping[str, Any]) -> bool:
    return document["id"] in SYSTEM_TASKS


def _of_go_falcon_alone(_go: Any, _here: Any, document: Mapping[str, Any]) -> bool:
    return document["id"].startswith("system-") and document["id"] not in SYSTEM_TASKS


def _never_ended(_go: Any, _here: Any, document: Mapping[str, Any]) -> bool:
    return document["status"] in {"running", "pending"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One row. `fields` are patterns of dotted paths; a row without any is about whole answers."""

    what: str
    go: str
    here: str
    of: str = ""
    """`task` or `execution`, for a row with fields."""
    fields: str = ""
    rule: Rule = _always


DIFFERENCES = (
    Difference(what="create, execute", go="200", here="201 with `Location`, 202"),
    Difference(what="a body or a query that is wrong", go="422 or 400, the first fault", here="400, every fault"),
    Difference(what="execute, pause, resume, stop, history of no task", go="500, or 200", here="404"),
    Difference(what="execute of a disabled task; a full queue", go="500", here="409; 503 with `Retry-After`"),
    Difference(what="execute without a body", go="400", here="as `{}`"),
    Difference(what="`parameters` and `priority` of an execute", go="not looked at", here="count for that run"),
    Difference(what="enable, disable, bulk, import", go="501", here="done"),
    Difference(what="bulk, import: `failed`, `imported_tasks`, …", go="names", here="objects that give the reason"),
    Difference(what="a name that is taken", go="400", here="409"),
    Difference(what="`total`, `total_pages` of a history", go="of the page", here="of all"),
    Difference(
        what="`limit`, `search`, `start_date`, `end_date`; `status` of a history; `tags`",
        go="not looked at",
        here="understood",
    ),
    Difference(what="other names in a query", go="not looked at", here="the same, named in `Warning`"),
    Difference(what="an empty value in a query, as in `status=`", go="as if not given", here="400"),
    Difference(
        what="who may read",
        go="callers who may change something",
        here="every caller with a token; secrets are masked",
    ),
    Difference(what="who may change", go="any one permission", here="the one that fits"),
    Difference(what="`message` of a delete, a stop, an execute", go="its texts", here="other texts"),
    Difference(what="`/stats`", go="for those who may change anything", here="public"),
    Difference(what="`average_runtime` of `/stats` and `/status`", go="of all time", here="of today"),
    Difference(what="`dependencies.redis`", go="always `healthy`", here="as Redis answers; with `engine_latency`"),
    Difference(what="`/scheduler-status`: `status`", go="always `running`", here="`running`, `stopped`, `error`"),
    Difference(what="`/scheduler-status`: `version`", go="`1.0.0`", here="this service's"),
    Difference(what="pages that may call", go="eveonline.it, localhost", here="those of `API_TRUSTED_ORIGINS`"),
    Difference(
        what="instants",
        go="without zeros at the end",
        here="with three digits",
        of="task execution",
        fields=r"\w+_at|last_run|next_run",
        rule=_same_instant,
    ),
    Difference(
        what="lengths of time",
        go="to the nanosecond",
        here="to the microsecond",
        of="task execution",
        fields=r"metadata\.average_runtime|last_run_duration|duration",
        rule=_same_microsecond,
    ),
    Difference(
        what="empty texts of a task",
        go="left out",
        here="there",
        of="task",
        fields=r"metadata\.last_error|created_by|updated_by",
        rule=_empty_here,
    ),
    Difference(
        what="a task that can't run as it is stored",
        go="never runs, without an error",
        here="has the reason in `metadata.last_error`; `impeded_tasks` of `/stats` counts it",
        of="task",
        fields=r"metadata\.last_error",
        rule=_reason_here,
    ),
    Difference(
        what="`metadata` of a task: `timezone overlap after start_at end_at max_runs runs_left owed_runs jitter "
        "start_within calendars catch_up alerts skipped_count last_skipped`",
        go="not there",
        here="there",
        of="task",
        fields=r"metadata\.(timezone|overlap|alerts|skipped_count|last_skipped)(\..*)?",
        rule=_only_here,
    ),
    Difference(what="no tags", go="`null`", here="`[]`", of="task", fields=r"metadata\.tags", rule=_no_tags),
    Difference(
        what="unknown `priority`, `metadata.source`",
        go="shown",
        here="`normal`, `api`",
        of="task",
        fields=r"priority|metadata\.source",
        rule=_unknown,
    ),
    Difference(
        what="`metadata.is_system: true` of a client",
        go="shown, and the task can't be deleted",
        here="`false`",
        of="task",
        fields=r"metadata\.is_system",
        rule=_claimed,
    ),
    Difference(
        what="`metadata.timeout` of `0s`",
        go="shown; each attempt expires at once",
        here="`5m0s`",
        of="task",
        fields=r"metadata\.timeout",
        rule=_no_timeout,
    ),
    Difference(
        what="`status` of a task",
        go="`pending` between two runs; `disabled` never",
        here="`disabled`, `paused`, `running`, else the last outcome",
        of="task",
        fields="status",
    ),
    Difference(
        what="`next_run`",
        go="when it was computed; may have passed",
        here="the next one; left out while nothing fires",
        of="task",
        fields="next_run",
    ),
    Difference(
        what="the seven system tasks",
        go="its definitions",
        here="this service's",
        of="task",
        fields=r"name|description|schedule|priority|config\..*|metadata\.(max_\w+|retry_\w+|timeout|tags|version)|updated_\w+",
        rule=_of_the_seven,
    ),
    Difference(
        what="system tasks of go-falcon alone",
        go="run",
        here="disabled, with the reason in `last_error`",
        of="task",
        fields=r"enabled|metadata\.(is_system|source|last_error|version)|updated_\w+",
        rule=_of_go_falcon_alone,
    ),
    Difference(
        what="`metadata` of an execution",
        go="what its executor reports",
        here="and `trigger worker_id retry_count lock_key fencing_token queued_at scheduled_for priority parameters`",
        of="execution",
        fields=r"metadata\..*",
        rule=_only_here,
    ),
    Difference(
        what="`outcome skip attempts` of an execution",
        go="not there",
        here="there, where they apply",
        of="execution",
        fields=r"(outcome|skip|attempts)([.\[].*)?",
        rule=_only_here,
    ),
    Difference(
        what="`task_name` of an execution",
        go="none",
        here="the task's present name",
        of="execution",
        fields="task_name",
        rule=_only_here,
    ),
    Difference(
        what="executions that never ended",
        go="`running` for ever",
        here="`failed`, with the reason and no duration",
        of="execution",
        fields="status|completed_at|error|duration",
        rule=_never_ended,
    ),
)


def table() -> list[str]:
    """The rows of the page."""
    return [f"| {each.what} | {each.go} | {each.here} |" for each in DIFFERENCES]


def unexplained(of: str, go: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Where two documents differ and no row says that they may."""
    left, right = dict(_leaves(go)), dict(_leaves(here))
    for path in sorted({*left, *right}):
        before, after = left.get(path, MISSING), right.get(path, MISSING)
        if before == after and isinstance(before, float) == isinstance(after, float):  # 200 is not shown as 200.0
            continue
        if not any(_allows(each, of, path, before, after, go) for each in DIFFERENCES):
            yield f"{go['id']}: {path}: {_shown(before)} became {_shown(after)}"


def _allows(row: Difference, of: str, path: str, before: Any, after: Any, document: Mapping[str, Any]) -> bool:
    return of in row.of.split() and bool(re.fullmatch(row.fields, path)) and row.rule(before, after, document)


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", inner


def _shown(value: Any) -> str:
    return "nothing" if value is MISSING else repr(value)
