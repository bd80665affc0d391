"""The tag with the task's name that each deployment of ours has, by which Prefect's UI finds it and its runs.

A user may have a tag that begins in the same way. Ours is the one that equals the task's name, or the name in the
deployment's own description, which we write too: a deployment of before the task was renamed holds the former name in
both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from falcon_scheduler.adapters.prefect.markdown import as_text
from falcon_scheduler.core.domain.storable import storable_text

NAME_TAG = "task: "
"""Beginning of the tag."""


def name_tag(task_name: str) -> str:
    """The tag of a task's name."""
    return storable_text(f"{NAME_TAG}{task_name}")


def headline(task_name: str) -> str:
    """What the description of the task's deployment begins with."""
    return storable_text(f"**{as_text(task_name)}** runs ")


def is_name_tag(tag: object, deployment: Mapping[str, Any], task_name: str | None = None) -> bool:
    """Whether a tag of the deployment is ours: it follows from the task, and a change of it is not taken over."""
    text = str(tag)
    if not text.startswith(NAME_TAG):
        return False
    if task_name is not None and text == name_tag(task_name):
        return True
    return str(deployment.get("description") or "").startswith(headline(text.removeprefix(NAME_TAG)))


def without_name_tag(deployment: Mapping[str, Any], task_name: str | None = None) -> list[str]:
    """The tags of a deployment but ours."""
    return [tag for tag in deployment.get("tags") or [] if not is_name_tag(tag, deployment, task_name)]


def task_name_in(tags: Iterable[str]) -> str | None:
    """The task's name in the tags of a run of ours, where our tag is the last that begins so."""
    return next((tag.removeprefix(NAME_TAG) for tag in reversed([*tags]) if tag.startswith(NAME_TAG)), None)
