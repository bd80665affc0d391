"""What the tasks of `benchmarks.product` do: nothing, in each way that a task can. Named in SCHEDULER_PLUGINS."""

from __future__ import annotations

from typing import Any


async def nothing() -> None:
    """Return at once, in a process of its own."""


async def nothing_shared() -> None:
    """Return at once, in a process that it shares with other runs."""


class Nothing:
    """An executor that returns at once."""

    async def execute(self, context: Any) -> None:
        """Nothing to do."""


def register(registry: Any) -> None:
    """Called by the facade and by the workers."""
    registry.register_function(nothing, module="benchmarks")
    registry.register_function(nothing_shared, module="benchmarks", isolation="shared")
    registry.register_executor("nothing", Nothing)


CONFIG_OF = {
    "function": ("function", {"module": "benchmarks", "function_name": "nothing", "parameters": {}}),
    "shared": ("function", {"module": "benchmarks", "function_name": "nothing_shared", "parameters": {}}),
    "custom": ("custom", {"executor": "nothing", "parameters": {}}),
}
"""Type and config of a task, by what `--kinds` calls it. `http` is made with the address of its target."""
