"""Shapes of what concerns many tasks at once. Names: go-falcon, bulk operations and import."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from api_facade.schemas.common import ProblemFault, RequestShape, ResponseShape
from api_facade.schemas.values import Instant

MOST_IDS = 100
MOST_IMPORTED = 500


class Operation(StrEnum):
    """What is to be done with each task."""

    ENABLE = "enable"
    DISABLE = "disable"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


class BulkRequest(RequestShape):
    """One operation on many tasks."""

    task_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1, max_length=MOST_IDS)
    ]
    operation: Annotated[Operation, Field(strict=False, description="`delete` needs `scheduler:tasks:delete` too.")]


class BulkFailure(ResponseShape):
    """Why it was not done with one task."""

    task_id: str
    code: str
    error: str


class BulkResult(ResponseShape):
    """With which tasks it was done. Each is done or not by itself."""

    success: list[str]
    failed: list[BulkFailure]
    total: int
    success_count: int
    failure_count: int


class ImportRequest(RequestShape):
    """Tasks as an export gives them."""

    tasks: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=MOST_IMPORTED,
            description="Each as POST /tasks takes it; what is wrong with one is told in `failed_tasks`.",
        ),
    ]
    overwrite: Annotated[
        bool,
        Field(description="Change the task of the same name instead of skipping; needs `scheduler:tasks:update`."),
    ] = False


class Imported(ResponseShape):
    """A task that was created or changed."""

    id: str
    name: str


class ImportFailure(ResponseShape):
    """Why a task was not imported; `position` counts from 0."""

    position: int
    name: str
    code: str
    error: str
    errors: list[ProblemFault] | None = None


class ImportResult(ResponseShape):
    """What became of each task. Each is imported or not by itself."""

    imported_tasks: list[Imported]
    skipped_tasks: Annotated[list[str], Field(description="Names that there were already.")]
    failed_tasks: list[ImportFailure]
    total: int
    imported: int
    skipped: int
    failed: int


class Export(ResponseShape):
    """The tasks that were created here, as an import takes them."""

    exported_at: Instant
    tasks: Annotated[
        list[dict[str, Any]], Field(json_schema_extra={"items": {"$ref": "#/components/schemas/TaskCreate"}})
    ]
