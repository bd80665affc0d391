"""Translates the errors of Prefect's client at the edge of the room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from core.errors import SchedulerError, Unavailable


class EngineRefused(SchedulerError):
    """Prefect understood and said no, which means that we asked wrongly: a defect, or a server of another version."""

    code = "engine_refused"

    def __init__(self, status_code: int) -> None:
        super().__init__(f"Prefect refused a request with status {status_code}")
        self.status_code = status_code


class Gone(Exception):
    """The object is not there (any more). Never leaves this folder."""


@contextmanager
def translated() -> Iterator[None]:
    """Raise ours instead of the client's.

    Raises:
        Unavailable: Prefect is away, overloaded or failing.
        EngineRefused: it refused.
        Gone: what was named is not there; every caller in this room handles it.
    """
    try:
        yield
    except ObjectNotFound as error:
        raise Gone from error
    except (PrefectHTTPStatusError, httpx.HTTPStatusError) as error:
        status = error.response.status_code
        if status == httpx.codes.NOT_FOUND:
            raise Gone from error
        if status >= 500 or status in {401, 403, 408, 429}:
            raise Unavailable("Prefect") from error
        raise EngineRefused(status) from error
    except (httpx.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: the client says "failed to reach API"
        raise Unavailable("Prefect") from error
