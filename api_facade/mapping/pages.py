"""The page that a query asks for, and the numbers of the page that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcon_scheduler.api_facade.mapping.positions import position_of, position_text
from falcon_scheduler.api_facade.schemas.common import PageQuery
from falcon_scheduler.api_facade.schemas.executions import WITH_OUTPUT, HistoryQuery
from falcon_scheduler.core.errors import Invalid
from falcon_scheduler.core.ports import Page, PageRequest, Position


def page_numbers(page: Page[Any]) -> Mapping[str, int]:
    """What every list carries."""
    return {
        "total": page.total,
        "page": page.request.page,
        "page_size": page.request.size,
        "total_pages": page.total_pages,
    }


def following_text(page: Page[Any]) -> str | None:
    """What `next` of a page is. None on the last one."""
    return position_text(page.following) if page.following is not None else None


def position_in(query: HistoryQuery) -> Position | None:
    """Where a list of executions is to go on. Raises `Invalid`."""
    if query.after is not None and query.page > 1:
        raise Invalid.of("query.page", "can't be given with after, which says where the page begins")
    return position_of(query.after)


def page_request(query: PageQuery) -> PageRequest:
    """The requested page."""
    return PageRequest(page=query.page, size=query.size, brief=query.size > WITH_OUTPUT)
