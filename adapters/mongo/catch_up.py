"""What a task catches up with, as a part of its `metadata`. What is not set is absent."""

from __future__ import annotations

from typing import Any

from falcon_scheduler.adapters.mongo.fields import text_of
from falcon_scheduler.adapters.mongo.reading import Reading
from falcon_scheduler.core.domain.catch_up import MOST_CAUGHT_UP, CatchUp, CatchUpRules, Missed, ReleaseOrder

AFTER_PAUSE, AFTER_OUTAGE, AFTER_EDIT = "after_pause", "after_outage", "after_edit"


def catch_up_document(rules: CatchUpRules) -> dict[str, Any]:
    """The rules, by the cause for which instants are missed."""
    if rules == CatchUpRules():
        return {}
    none = CatchUp()
    given = {
        AFTER_PAUSE: rules.after_pause,
        AFTER_OUTAGE: rules.after_outage,
        **({} if rules.after_edit == none else {AFTER_EDIT: rules.after_edit}),
    }
    return {"catch_up": {name: _document(each) for name, each in given.items() if each is not None}}


def _document(each: CatchUp) -> dict[str, Any]:
    document = {"runs": str(each.runs), "max_runs": each.max_runs, "order": str(each.order)}
    return document | ({"max_age": text_of(each.max_age)} if each.max_age else {})


def catch_up_of(metadata: Reading) -> CatchUpRules:
    """Read the rules."""
    if metadata.raw("catch_up") is None:
        return CatchUpRules()
    rules = metadata.part("catch_up")
    return CatchUpRules(
        after_pause=_read(rules.part(AFTER_PAUSE)),
        after_outage=None if rules.raw(AFTER_OUTAGE) is None else _read(rules.part(AFTER_OUTAGE)),
        after_edit=_read(rules.part(AFTER_EDIT)),
    )


def _read(fields: Reading) -> CatchUp:
    return CatchUp(
        runs=fields.choice("runs", Missed, Missed.NONE),
        max_age=fields.duration("max_age") or None,
        max_runs=fields.number("max_runs", MOST_CAUGHT_UP),
        order=fields.choice("order", ReleaseOrder, ReleaseOrder.OLDEST_FIRST),
    )
