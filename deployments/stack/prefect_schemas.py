"""Has Prefect's server check a JSON schema once. It checks the same schemas again with each run and each deployment.

Whoever creates a run of a deployment by hand has its work pool's variables checked. Prefect first checks the pool's
schema itself against the rules of JSON schema, twice, and only then the variables against the schema. Whether a
schema is a valid one depends on nothing but its text, so the answer is kept. A schema that is not valid is checked
each time, with the error that it has. Source: Prefect 3.8.8, `utilities/schema_tools/validation.py` and
`_internal/schemas/validators.py`. The text for a request upstream is in
docs/decisions/0026-cheaper-prefect-server.md.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any

from jsonschema import Draft202012Validator

logger = logging.getLogger(__name__)

MODULE, VALIDATOR = "prefect.utilities.schema_tools.validation", "_VALIDATOR"
"""Where Prefect's own kind of validator is. No public name leads there. Deployments are checked by the plain one."""

SCHEMAS_KEPT = 256
"""Different texts that are known to be valid; those that were used least recently go first."""

LONGEST_KEPT = 64 * 1024
"""Characters. A longer schema is checked each time."""


def check_schemas_once() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect without that validator."""
    try:
        prefects = getattr(import_module(MODULE), VALIDATOR)
        known = [_remembering(validator) for validator in (prefects, Draft202012Validator)]
    except (ImportError, AttributeError):
        logger.warning("This version of Prefect checks schemas in another way; it is left as it is")
        return False
    for validator, check in zip((prefects, Draft202012Validator), known, strict=True):
        validator.check_schema = staticmethod(check)  # asked of a class, or of one of its objects
    return True


def _remembering(validator: Any) -> Callable[..., None]:
    check: Callable[..., None] = validator.check_schema
    if hasattr(check, "remembers"):
        return check

    @functools.lru_cache(SCHEMAS_KEPT)
    def check_text(text: str, *options: Any, **named: Any) -> None:  # an error is raised, and not kept
        check(json.loads(text), *options, **named)

    @functools.wraps(check)
    def check_once(schema: Any, *options: Any, **named: Any) -> None:
        text = _text_of(schema)
        if text is None:
            check(schema, *options, **named)
        else:
            check_text(text, *options, **named)

    check_once.remembers = True  # type: ignore[attr-defined]
    return check_once


def _text_of(schema: Any) -> str | None:
    """The schema as JSON. None when it has no exact text, or one too long to be kept."""
    try:
        text = json.dumps(schema, allow_nan=False)
        return text if len(text) <= LONGEST_KEPT and json.loads(text) == schema else None
    except (TypeError, ValueError, RecursionError):
        return None
