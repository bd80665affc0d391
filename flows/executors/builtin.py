"""The functions that come with the product, in module `builtin`: harmless, good for a first try and for tests."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

MODULE = "builtin"


def echo(**parameters: Any) -> dict[str, Any]:
    """Return the parameters as they are."""
    return parameters


def noop() -> None:
    """Do nothing, and succeed."""


async def sleep(duration: Annotated[timedelta, Field(ge=timedelta(), le=timedelta(hours=24))]) -> str:
    """Wait for a while, given as Go duration text."""
    await asyncio.sleep(duration.total_seconds())
    return "awake"
