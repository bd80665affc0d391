"""Every exception of httpx becomes one of ours, and none of its text is passed on."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import httpx
import pytest

from falcon_scheduler.adapters.http.errors import HttpFailed, translated

PLANTED = "planted-secret-in-a-message"
EXCEPTIONS = [
    each
    for each in vars(httpx).values()
    if inspect.isclass(each)
    and issubclass(each, httpx.HTTPError | httpx.StreamError | httpx.InvalidURL | httpx.CookieConflict)
]


def made(kind: type[Exception]) -> Exception:
    request = httpx.Request("GET", "http://a.example")
    if issubclass(kind, httpx.HTTPStatusError):
        return kind(PLANTED, request=request, response=httpx.Response(500, request=request))
    without_text: Callable[[], Exception] = kind
    if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
        return without_text()
    return kind(PLANTED)


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_each_exception_of_httpx_becomes_ours(kind: type[Exception]) -> None:
    with pytest.raises(HttpFailed) as caught, translated():
        raise made(kind)
    assert PLANTED not in str(caught.value)


def test_the_list_is_not_empty() -> None:
    assert {httpx.ConnectError, httpx.ReadTimeout, httpx.InvalidURL, httpx.StreamClosed} <= set(EXCEPTIONS)
