"""The causes that are injected. Each makes a task that is due at an instant, and something happen to it.

An injection returns what is to be asked, and the one right answer. Those in `TOGETHER` disturb nothing but their own
task, so they are injected at the same time; those in `ALONE` disturb everything. The modules `by_people`, `of_runs`,
`of_time` and `of_servers` add theirs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.explain.bench import Asked, Bench

Inject = Callable[[Bench], Awaitable[Asked | None]]
TOGETHER: dict[str, Inject] = {}
ALONE: dict[str, Inject] = {}


def together(inject: Inject) -> Inject:
    TOGETHER[inject.__name__.replace("_", " ")] = inject
    return inject


def alone(inject: Inject) -> Inject:
    ALONE[inject.__name__.replace("_", " ")] = inject
    return inject
