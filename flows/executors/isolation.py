"""Whether runs of a function or of an executor need a process of their own, as its author declares it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import StrEnum

from falcon_scheduler.flows.executors.arguments import PluginError


class Isolation(StrEnum):
    """Where its runs are performed."""

    PROCESS = "process"
    """Each in a process of its own."""
    SHARED = "shared"
    """Beside others, as coroutines of one event loop. For code that waits more than it computes, and never blocks."""


def isolation_of(name: str, thing: object, call: Callable[..., object], given: str | None = None) -> Isolation:
    """What was given at the registration, else the attribute `isolation` of the function or executor.

    Args:
        name: for the error.
        thing: the function or the executor.
        call: what is called: the function itself, or the executor's method.
        given: what the plug-in gave when it registered it.

    Raises:
        PluginError: it is neither of the two, or code that is not async asks to be shared.
    """
    wanted = given if given is not None else getattr(thing, "isolation", Isolation.PROCESS)
    if wanted not in set(Isolation):
        raise PluginError(f"The isolation of {name!r} must be one of {', '.join(Isolation)}, not {wanted!r}")
    if wanted == Isolation.SHARED and not inspect.iscoroutinefunction(call):
        raise PluginError(f"{name!r} can't share a process: it is not async, so it would block the runs beside it")
    return Isolation(str(wanted))
