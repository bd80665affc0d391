"""Sets of HTTP status codes as a config writes them: `[200, "202-204"]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

StatusCode = Annotated[int, Field(ge=100, le=599)]
_RANGE = re.compile(r"([1-5][0-9]{2})(?:\s*-\s*([1-5][0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class StatusCodes:
    """Ranges of status codes, both ends included."""

    ranges: tuple[tuple[int, int], ...]

    def __contains__(self, code: int) -> bool:
        return any(low <= code <= high for low, high in self.ranges)

    def __str__(self) -> str:
        return " or ".join(str(low) if low == high else f"{low}-{high}" for low, high in self.ranges)

    @classmethod
    def only(cls, code: int) -> Self:
        """Just this one."""
        return cls(((code, code),))

    @classmethod
    def of(cls, parts: list[int | str]) -> Self:
        """Read a list of codes and of ranges such as "200-204".

        Raises:
            ValueError: a part is neither.
        """
        return cls(tuple(map(_range, parts)))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        parts = handler(Annotated[list[StatusCode | str], Field(min_length=1, max_length=50)])
        return core_schema.no_info_after_validator_function(cls.of, parts)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        code = {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string"}]}
        return {"type": "array", "items": code, "minItems": 1, "maxItems": 50, "examples": [[200, "202-204"]]}


def _range(part: int | str) -> tuple[int, int]:
    if isinstance(part, int):
        return part, part
    match = _RANGE.fullmatch(part.strip())
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if low > high:
        raise ValueError(f"{part!r} is neither a status code nor a range such as 200-204")
    return low, high
