"""Shapes of what concerns many tasks at once. Names: go-falcon, bulk operations and import."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from falcon_scheduler.api_facade.schemas.common import ProblemFault, RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.task_changes import TaskCreate
from falcon_scheduler.api_facade.schemas.values import IN_DIGITS, Instant
from falcon_scheduler.core.domain.task import Source

MOST_IDS = 100
MOST_IMPORTED = 500


class Operation(StrEnum):
    """The operation on each task."""

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
    """Why the operation failed for one task."""

    task_id: str
    code: str
    error: str


class BulkResult(ResponseShape):
    """The tasks for which the operation succeeded. Each succeeds or fails alone."""

    success: list[str]
    failed: list[BulkFailure]
    total: int
    success_count: int
    failure_count: int


class ImportItem(RequestShape):
    """Fields of an exported task besides its definition."""

    id: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="Under which it is found or created; else it gets one."),
    ] = None
    paused: Annotated[bool, Field(description="Whether its schedule is held.")] = False
    source: Annotated[
        Source,
        Field(
            strict=False,
            description="Of a `system` task, and of one adopted from Prefect (`import`), only switches are taken.",
        ),
    ] = Source.API


class TaskImport(TaskCreate, ImportItem):
    """A task as an export gives it: its definition, its id and its switches."""


class ImportRequest(RequestShape):
    """An export, or tasks in its form."""

    format_version: Annotated[Literal[1], Field(description="Of an export; 1 is the only one.")] = 1
    exported_at: Annotated[str | None, Field(description="Of an export; ignored.")] = None
    next_after: Annotated[str | None, Field(description="Of a part of an export; ignored.")] = None
    tasks: Annotated[
        list[dict[str, Any]],
        Field(
            min_length=1,
            max_length=MOST_IMPORTED,
            description="Each as an export contains it. An invalid object is reported in `failed_tasks`.",
            json_schema_extra={"items": {"anyOf": [{"$ref": "#/components/schemas/TaskImport"}, {"type": "object"}]}},
        ),
    ]
    overwrite: Annotated[
        bool,
        Field(description="Change the task of the same name instead of skipping; needs `scheduler:tasks:update`."),
    ] = False


class ExportQuery(BaseModel):
    """Which part of all tasks, in the order of their ids."""

    limit: Annotated[
        int | None, Field(ge=1, le=MOST_IMPORTED, description="Tasks at most; all when not given."), IN_DIGITS
    ] = None
    after: Annotated[str | None, Field(max_length=200, description="The part behind the task of this id.")] = None


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
    """The result for each task. Each is imported or not, independent of the others."""

    imported_tasks: list[Imported]
    skipped_tasks: Annotated[list[str], Field(description="Names that there were already.")]
    failed_tasks: list[ImportFailure]
    total: int
    imported: int
    skipped: int
    failed: int


class Export(ResponseShape):
    """Tasks with their definitions and switches, as an import takes them."""

    format_version: int = 1
    exported_at: Instant
    next_after: Annotated[
        str | None, Field(description="Given as `after` it leads to the next part; left out with the last one.")
    ] = None
    tasks: Annotated[
        list[dict[str, Any]], Field(json_schema_extra={"items": {"$ref": "#/components/schemas/TaskImport"}})
    ]
