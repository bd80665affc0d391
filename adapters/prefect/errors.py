"""Translates the errors of Prefect's client at the edge of the room, and keeps it from hiding them for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from falcon_scheduler.adapters.prefect.refusals import reason_of
from falcon_scheduler.core.errors import EngineFault, EngineRefused, Unavailable

TRIED_AGAIN = 1
"""Retries of the client itself, after some 2 s. Its default, 5, takes a minute: callers of our API would wait that
long for a 503."""

_made: dict[int, tuple[SettingsContext, SettingsContext]] = {}


class Gone(Exception):
    """The object is not there (any more). Never leaves this folder."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise ours instead of the client's.

    Raises:
        Unavailable: Prefect is away, overloaded or failing. It is an `EngineFault` when its answer was a 500.
        EngineRefused: it refused.
        Gone: what was named is not there; every caller in this room handles it.
    """
    before = SettingsContext.__var__.set(_impatient(get_settings_context()))
    try:
        yield
    except ObjectNotFound as error:
        raise Gone from error
    except (PrefectHTTPStatusError, httpx.HTTPStatusError) as error:
        status = error.response.status_code
        if status == httpx.codes.NOT_FOUND:
            raise Gone from error
        if status == httpx.codes.INTERNAL_SERVER_ERROR:
            raise EngineFault from error
        if status >= 500 or status in {401, 403, 408, 429}:
            raise Unavailable("Prefect") from error
        raise EngineRefused(status, reason_of(error.response)) from error
    except (httpx.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: the client says "failed to reach API"
        raise Unavailable("Prefect") from error
    finally:
        SettingsContext.__var__.reset(before)


def _impatient(context: SettingsContext) -> SettingsContext:
    """The settings of the context with fewer attempts; made once for each context."""
    known = _made.get(id(context))
    if known is None or known[0] is not context:
        settings = context.settings.copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: TRIED_AGAIN})
        known = context, SettingsContext(profile=context.profile, settings=settings)
        _made.clear()
        _made[id(context)] = known
        _made[id(known[1])] = known[1], known[1]
    return known[1]
