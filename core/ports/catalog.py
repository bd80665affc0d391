"""Which executors are registered, and what their configs may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from falcon_scheduler.core.errors import Fault

SharesProcess = Callable[[str, Mapping[str, Any]], bool]
"""Whether runs of a type and a config are performed beside others in one process."""


class ExecutorCatalog(Protocol):
    """The registered executors, without running them."""

    def types(self) -> Sequence[str]:
        """Task types that a client may create."""
        ...

    def faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Fault]:
        """What is wrong with a config of that type (locations start with `config` or `parameters`)."""
        ...

    def reserved_faults(
        self, task_type: str, config: Mapping[str, Any], parameters: Mapping[str, Any]
    ) -> Sequence[Fault]:
        """What of a run's own parameters decides where the secrets of the config go.

        Only a caller who may create or update tasks may give these.
        """
        ...
