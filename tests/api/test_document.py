"""The OpenAPI document is true: what it gives as a default or an example the API takes, and code made of it fits."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

DEFAULT = re.compile(r"Default: `(.*?)`\.")
FREE_TEXT = {"config", "parameters"}
"""What an executor takes; its schema is its own."""


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Mapping[str, Any]:
    return app.openapi()


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] | schema if name else schema


def values(document: Mapping[str, Any], schema: Mapping[str, Any], at: tuple[str, ...] = ()) -> Iterator[Any]:
    """Every example and default of every field of a body, with the field's place in it."""
    for name, field in resolved(document, schema).get("properties", {}).items():
        place, field = (*at, name), resolved(document, field)
        for example in field.get("examples", []):
            yield place, example
        for default in DEFAULT.findall(field.get("description", "")):
            yield place, json.loads(default)
        for member in field.get("enum", []):
            yield place, member
        if name not in FREE_TEXT:
            yield from values(document, field, place)


def bodies(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Method, path, and each body that the document suggests: its examples, and these with one field as suggested."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                examples = [each["value"] for each in content["examples"].values()]
                yield from ((method, path, example) for example in examples)
                for place, value in values(document, content["schema"]):
                    yield method, path, with_value(examples[0], place, value)


def with_value(body: Any, place: tuple[str, ...], value: Any) -> Any:
    name, *rest = place
    return {**body, name: with_value(body.get(name, {}), tuple(rest), value) if rest else value}


async def test_every_default_and_example_of_a_body_is_taken(
    document: Mapping[str, Any], admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    task, calendar = await make(), f"free-{uuid4().hex[:8]}"
    assert (await admin.post("/calendars", json={"name": calendar})).is_success
    tried = set()
    for method, path, body in bodies(document):
        url = path.removeprefix("/scheduler").replace("{task_id}", task["id"]).replace("{name}", calendar)
        body = json.loads(json.dumps(body).replace("API Health Check", "an example of the document"))
        answer = await admin.request(method, url, json=body)
        unknown_channel = "channel" in answer.text and url == "/alerts/test"
        if url == "/session":
            assert answer.status_code == 401, "the token of an example is nobody's"
            continue
        assert answer.is_success or unknown_channel, (method, url, body, answer.text)
        created = [answer.headers["location"].removeprefix("/scheduler")] if answer.status_code == 201 else []
        created += [f"/tasks/{each['id']}" for each in answer.json().get("imported_tasks", [])]
        assert not answer.json().get("failed_tasks"), (body, answer.text)
        for location in created:
            assert (await admin.delete(location)).is_success
        tried.add(path)
    assert len(tried) >= 8
    assert (await admin.delete(f"/calendars/{calendar}")).is_success


async def test_every_default_and_example_of_a_query_is_taken(
    document: Mapping[str, Any], admin: httpx.AsyncClient
) -> None:
    for path, operations in document["paths"].items():
        if path.endswith("/events"):
            continue  # a stream lasts as long as its default says
        for parameter in operations.get("get", {}).get("parameters", []):
            schema = resolved(document, parameter["schema"])
            suggested = [schema[each] for each in ("default",) if each in schema]
            suggested += schema.get("examples", []) + schema.get("enum", [])
            if parameter["in"] == "query":
                for value in suggested:
                    answer = await admin.get(
                        path.removeprefix("/scheduler").replace("{task_id}", "nothing"),
                        params={parameter["name"]: value},
                    )
                    assert answer.status_code in {200, 404}, (path, parameter["name"], value, answer.text)


def test_code_made_of_the_document_may_leave_out_what_the_api_does_not_ask_for(document: Mapping[str, Any]) -> None:
    """Generators take a field with a default, like one that is required, for one that is always there."""
    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        for field, shape in schema.get("properties", {}).items():
            assert "default" not in shape, (name, field)
    assert set(schemas["TaskCreate"]["required"]) == {"name", "type", "schedule"}
    assert schemas["ScheduleQuestion"]["required"] == ["schedule"]
    assert schemas["ImportRequest"]["required"] == ["tasks"]
    for name in ("TaskUpdate", "MetadataChange", "ExecuteRequest", "AlertsChange", "AlertTest"):
        assert "required" not in schemas[name], name


async def test_fields_of_answers_are_there_or_left_out_as_the_document_says(
    document: Mapping[str, Any], admin: httpx.AsyncClient, make: Callable[..., Awaitable[Any]]
) -> None:
    schemas = document["components"]["schemas"]
    answers = {
        each for each in schemas if each.endswith(("Response", "List", "Result", "Answer")) or each == "Metrics"
    }
    for name in answers | {"TaskMetadata", "ExecutionMetadata", "Problem"}:
        for field, shape in schemas[name].get("properties", {}).items():
            assert {"type": "null"} not in shape.get("anyOf", []), (name, field, "never sent as null")
    task = (await admin.get(f"/tasks/{(await make())['id']}")).json()
    assert set(schemas["TaskResponse"]["required"]) <= task.keys()
    assert set(schemas["TaskMetadata"]["required"]) <= task["metadata"].keys()
    assert None not in task.values()
