"""What a task catches up with, as a part of its `metadata`. What is not set is absent."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.adapters.mongo.fields import text_of
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.core.domain.catch_up import MOST_CAUGHT_UP, CatchUp, CatchUpRules, Missed, ReleaseOrder


def catch_up_document(rules: CatchUpRules) -> dict[str, Any]:
    """The rules, by the cause for which instants are missed."""
    if rules == CatchUpRules():
        return {}
    each = rules.after_pause
    after_pause = {"runs": str(each.runs), "max_runs": each.max_runs, "order": str(each.order)}
    max_age = {"max_age": text_of(each.max_age)} if each.max_age else {}
    return {"catch_up": {"after_pause": after_pause | max_age}}


def catch_up_of(metadata: Reading) -> CatchUpRules:
    """Read the rules."""
    if metadata.raw("catch_up") is None:
        return CatchUpRules()
    fields = metadata.part("catch_up").part("after_pause")
    return CatchUpRules(
        after_pause=CatchUp(
            runs=fields.choice("runs", Missed, Missed.NONE),
            max_age=fields.duration("max_age") or None,
            max_runs=fields.number("max_runs", MOST_CAUGHT_UP),
            order=fields.choice("order", ReleaseOrder, ReleaseOrder.OLDEST_FIRST),
        )
    )
