"""One running stack, shared by the tests that look at it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.running_stack import Up

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    """A stack that runs, with the plug-ins of the examples. Tests may kill its parts, but leave it running."""
    folder = Path(
        tempfile.mkdtemp(prefix="falcon-up-")
    )  # pytest's own folders are too deep for some systems' sockets
    plugins = (EXAMPLES / "function_plugin/analytics_tasks.py", EXAMPLES / "executor_plugin/custom_processor.py")
    running = Up(folder / "home", SCHEDULER_PLUGINS=",".join(map(str, plugins)))
    try:
        running.start()
        yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)
