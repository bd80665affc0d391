"""Shapes that every part of the API uses."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from falcon_scheduler.api_facade.schemas.values import IN_DIGITS

LAST_PAGE = 1_000_000


def without_defaults(schema: dict[str, Any]) -> None:
    """For shapes in which an absent field means "leave it", so the default in our code must not be shown."""
    for each in schema.get("properties", {}).values():
        each.pop("default", None)


class RequestShape(BaseModel):
    """What a client sends: JSON types are not converted, and unknown names are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResponseShape(BaseModel):
    """What a client gets. Fields without a value are left out."""

    model_config = ConfigDict(frozen=True)


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(frozen=True)  # unknown names are judged by api_facade/query_policy.py

    page: Annotated[int, Field(ge=1, le=LAST_PAGE, description="From 1."), IN_DIGITS] = 1
    page_size: Annotated[int, Field(ge=1, le=100, description="Entries on a page."), IN_DIGITS] = 20

    @property
    def size(self) -> int:
        """Entries on a page, by either of its names."""
        return getattr(self, "limit", None) or self.page_size


class PageShape(ResponseShape):
    """The numbers that come with every list."""

    total: Annotated[int, Field(description="Entries on all pages, exact.")]
    page: int
    page_size: int
    total_pages: int


class ProblemFault(ResponseShape):
    """One fault of a request."""

    location: Annotated[str, Field(description="Dotted, from the body's root; a query's name after `query.`.")]
    message: str


class Problem(ResponseShape):
    """An error. Source: RFC 9457."""

    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable name of the error.")]
    errors: Annotated[list[ProblemFault] | None, Field(description="All that is wrong, for a 400.")] = None
    request_id: Annotated[str, Field(description="The id of the request in our log.")]
