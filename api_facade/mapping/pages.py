"""The page that a query asks for, and the numbers of the page that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcon_scheduler.api_facade.schemas.common import PageQuery
from falcon_scheduler.api_facade.schemas.executions import WITH_OUTPUT
from falcon_scheduler.core.ports import Page, PageRequest


def page_numbers(page: Page[Any]) -> Mapping[str, int]:
    """What every list carries."""
    return {
        "total": page.total,
        "page": page.request.page,
        "page_size": page.request.size,
        "total_pages": page.total_pages,
    }


def page_request(query: PageQuery) -> PageRequest:
    """The requested page."""
    return PageRequest(page=query.page, size=query.size, brief=query.size > WITH_OUTPUT)
