"""Names the runs that Prefect plans after their task and due instant: Prefect's own UI lists runs by their names.

Prefect makes up a name (`zippy-otter`) for each run of a schedule, and has no setting for that. Its planner hands
a list of rows to the database. The rows get their names in between, so that no run costs one more request. Runs of
other deployments get names as Prefect makes them up. Source: Prefect 3.8.8, `server/models/deployments.py`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from prefect.server.models import deployments
from prefect.utilities.names import generate_slug

from falcon_scheduler.adapters.prefect.name_tags import task_name_in
from falcon_scheduler.adapters.prefect.names import run_name

logger = logging.getLogger(__name__)

_PLANNER = "_generate_scheduled_flow_runs"


def name_planned_runs() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect without that planner."""
    plan = getattr(deployments, _PLANNER, None)
    if plan is None:
        logger.warning("This version of Prefect plans runs in another way; it names them as it does")
        return False
    if hasattr(plan, "names_runs"):
        return True

    @functools.wraps(plan)
    async def plan_with_names(*args: Any, **named: Any) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = await plan(*args, **named)
        give_names(runs)
        return runs

    plan_with_names.names_runs = True  # type: ignore[attr-defined]
    setattr(deployments, _PLANNER, plan_with_names)
    return True


def give_names(runs: Sequence[MutableMapping[str, Any]]) -> None:
    """Name each row: one statement inserts all of them, so either all have a name or none.

    Planning is worth more than names: rows of another shape than expected are left as they are.
    """
    try:
        names = [*_names(runs)]
    except (KeyError, TypeError, AttributeError):
        logger.warning("Runs as this version of Prefect plans them can't be named after their task", exc_info=True)
        return
    for run, name in zip(runs, names, strict=True):
        run.setdefault("name", name)


def _names(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for run in runs:
        is_ours = "task_id" in (run.get("parameters") or {})
        task_name = task_name_in(run.get("tags") or []) if is_ours else None
        yield run_name(task_name, run["expected_start_time"]) if task_name else generate_slug(2)
