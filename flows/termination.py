"""Why the current run is being ended, for code that has just been interrupted.

    except asyncio.CancelledError:
        if termination.reason() == "cancelled": ...

Importable under every worker. It only answers; it ends nothing.
"""

from __future__ import annotations

from typing import Literal

from prefect._internal import control_listener

Reason = Literal["cancelled", "shutdown"]

_reason: Reason | None = None


def reason() -> Reason | None:
    """Why this process was asked to end.

    `cancelled`: someone cancelled the run. `shutdown`: its worker stops, the run itself was not unwanted. `None`:
    nobody asked (a timeout inside the run, say), or the worker is of another type and does not tell; a stock
    process worker tells `cancelled` only.
    """
    if _reason is not None:
        return _reason
    return "cancelled" if control_listener.get_intent() == "cancel" else None


def record(why: Reason) -> None:
    """Remember the first reason given. For the run's own process, nobody else."""
    global _reason
    if _reason is None:
        _reason = why
