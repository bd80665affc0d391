"""Prefect's server checks once whether a schema is one, and refuses what is none each time."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from prefect.utilities.schema_tools import validation
from prefect.utilities.schema_tools.validation import is_valid_schema, validate

from falcon_scheduler.deployments.stack import prefect_schemas
from falcon_scheduler.deployments.stack.prefect_schemas import check_schemas_once
from falcon_scheduler.flows.worker.worker import WarmProcessWorker

VALIDATORS = (validation._VALIDATOR, jsonschema.Draft202012Validator)
VARIABLES = WarmProcessWorker.get_default_base_job_template()["variables"]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The schemas that were checked in full."""
    full: list[Any] = []
    for each in VALIDATORS:

        def check(schema: Any, *options: Any, present: Any = each.check_schema, **named: Any) -> None:
            full.append(schema)
            present(schema, *options, **named)

        monkeypatch.setattr(each, "check_schema", check)
    assert check_schemas_once(), "this version of Prefect has the expected form"
    assert check_schemas_once()
    return full


def test_a_pools_variables_are_checked_as_before_and_their_schema_once(checked: list[Any]) -> None:
    for _ in range(3):
        is_valid_schema(VARIABLES, preprocess=False)
        validate({"memory_limit_mb": 100}, VARIABLES, raise_on_error=True)
        with pytest.raises(validation.ValidationError, match="memory_limit_mb"):
            validate({"memory_limit_mb": "much"}, VARIABLES, raise_on_error=True)
        jsonschema.Draft202012Validator.check_schema(VARIABLES)
    assert len(checked) == 3, "the schema, its form for the check of values, and once by the plain validator"


@pytest.mark.parametrize(
    "broken", [{"type": 7}, {"properties": {"a": {"minimum": "x"}}}, {"type": "object", "required": [1]}]
)
def test_what_is_no_schema_is_refused_each_time(checked: list[Any], broken: dict[str, Any]) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="Invalid schema"):
            is_valid_schema(broken)
        with pytest.raises(jsonschema.SchemaError):
            jsonschema.Draft202012Validator.check_schema(broken)
    assert len(checked) == 4


def test_a_schema_without_an_exact_or_with_a_long_text_is_checked_each_time(checked: list[Any]) -> None:
    plain = jsonschema.Draft202012Validator
    plain.check_schema({"enum": [1]})
    for _ in range(2):
        with pytest.raises(jsonschema.SchemaError, match="is not of type 'array'"):
            plain.check_schema({"enum": (1,)})  # its text would be the same
        for schema in (
            {"default": float("nan")},
            {"default": object()},
            {"title": "x" * prefect_schemas.LONGEST_KEPT},
        ):
            plain.check_schema(schema)
    assert len(checked) == 1 + 4 * 2


def test_true_and_one_are_different_schemas(checked: list[Any]) -> None:
    is_valid_schema({"minLength": 1})
    with pytest.raises(ValueError, match="Invalid schema"):
        is_valid_schema({"minLength": True})


def test_another_version_of_prefect_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(prefect_schemas, "VALIDATOR", "_no_such_validator")
    assert not check_schemas_once()
    assert "in another way" in caplog.text
