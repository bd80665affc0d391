"""docs/api.md names every route and every code of an error, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from falcon_scheduler.api_facade.app import create_app
from falcon_scheduler.core.errors import SchedulerError

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
OUTSIDE_OF_OPENAPI = {"GET /", "GET /healthz", "GET /readyz", "GET /ui/"}
ANSWERED_FROM = ("falcon_scheduler.core.errors", "falcon_scheduler.api_facade.", "falcon_scheduler.adapters.web.")
NEVER_AN_ANSWER = {"error", "conflict", "forbidden", "delivery_failed", "facade_at_work"}
"""Codes of families whose members have codes of their own, and of errors that no request meets."""


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def told_routes() -> Iterator[str]:
    for cell in re.findall(r"^\| (`(?:GET|POST|PUT|DELETE) [^|]+) \|", section("Routes"), re.MULTILINE):
        method, first = "", ""
        for each in re.findall(r"`([^`]+)`", cell.partition(" (")[0]):
            if " " in each:
                method, first = each.split()
                yield f"{method} {first}"
            else:  # `/resume` after `POST /tasks/{id}/pause`
                yield f"{method} {first.rpartition('/')[0]}{each}"


def test_every_route_is_listed_and_every_listed_route_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "a secret that only this test knows, of 32 bytes")
    paths = create_app().openapi()["paths"]
    real = {f"{method.upper()} {path.removeprefix('/scheduler')}" for path, by in paths.items() for method in by}
    real = {route.replace("{task_id}", "{id}") for route in real}
    real = {re.sub(r"(GET /executions/)\{\w+\}", r"\1{execution_id}", route) for route in real}
    assert set(told_routes()) - OUTSIDE_OF_OPENAPI == real


def _kinds(of: type[SchedulerError]) -> Iterator[type[SchedulerError]]:
    yield of
    for kind in of.__subclasses__():
        yield from _kinds(kind)


def test_every_code_that_an_error_may_have_is_reported() -> None:
    errors = (kind for kind in _kinds(SchedulerError) if kind.__module__.startswith(ANSWERED_FROM))
    codes = {kind.code for kind in errors} - NEVER_AN_ANSWER
    rows = re.findall(r"^\| [\d, ]+ \| (.+) \|$", section("Errors"), re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)}
    assert codes - told == set()
