"""How a task's id stands in a path: anything but the words that name something else there."""

from __future__ import annotations

from starlette.convertors import StringConvertor, register_url_convertor


class _TaskId(StringConvertor):
    regex = "(?!(?:bulk|export|import)(?:/|$))[^/]+"


register_url_convertor("task", _TaskId())

TASK_PATH = "{task_id:task}"
