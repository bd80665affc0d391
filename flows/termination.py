"""Why the current run is being ended, for code that has just been interrupted.

    except asyncio.CancelledError:
        if termination.reason() == "cancelled": ...

Flows may import it under every type of worker. It only answers; it ends nothing.
"""

from __future__ import annotations

from typing import Literal

from falcon_scheduler.flows import prefect_internals

Reason = Literal["cancelled", "shutdown"]

WORKER_STOPPED = "The worker was stopped while the run was under way."
"""State message of a run that was ended for `shutdown`."""

_reason: Reason | None = None


def reason() -> Reason | None:
    """Why this process was asked to end.

    `cancelled`: someone cancelled the run. `shutdown`: its worker stops, the run itself was not unwanted. `None`:
    nobody asked (a timeout inside the run, say), or the worker is of another type; Prefect's process worker reports
    `cancelled` only.
    """
    if _reason is not None:
        return _reason
    return "cancelled" if prefect_internals.is_cancelled_by_worker() else None


def record(why: Reason) -> None:
    """Remember the first reason given. For the process of the run alone."""
    global _reason
    if _reason is None:
        _reason = why
