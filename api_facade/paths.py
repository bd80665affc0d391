"""Task ids in paths: any text except the names of sibling routes."""

from __future__ import annotations

from starlette.convertors import StringConvertor, register_url_convertor


class _TaskId(StringConvertor):
    regex = "(?!(?:bulk|export|import)(?:/|$))[^/]+"


register_url_convertor("task", _TaskId())

TASK_PATH = "{task_id:task}"
