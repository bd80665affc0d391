"""What the Prefect client of one run does on its own, with answers in the server's place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_CSRF_SUPPORT_ENABLED, temporary_settings

from falcon_scheduler.flows.child import run_client
from falcon_scheduler.flows.child.run_client import KnownRun, SyncRunClient

LEASE = UUID(int=1)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(run_client, "_FIRST_RENEWAL_SECONDS", 0.0)
    monkeypatch.setattr(run_client, "_RENEWED_AGAIN_AFTER", timedelta())
    with temporary_settings({PREFECT_API_URL: "http://nowhere/api", PREFECT_CLIENT_CSRF_SUPPORT_ENABLED: False}):
        yield


def client_of(answers: Iterator[int | Exception]) -> SyncRunClient:
    def answer(request: httpx.Request) -> httpx.Response:
        if isinstance(found := next(answers), Exception):
            raise found
        return httpx.Response(found, request=request)

    flow_run = FlowRun(flow_id=UUID(int=2))
    return SyncRunClient(KnownRun(flow_run, transport=httpx.MockTransport(answer), deferred_lease_id=LEASE))


def test_a_lease_is_renewed_until_prefect_answers() -> None:
    """Its engine ends a run whose lease it could not renew three times."""
    answers: Iterator[int | Exception] = iter([httpx.ConnectError("away"), 500, httpx.ConnectError("away"), 500, 200])
    with client_of(answers) as client:
        assert client.renew_concurrency_lease(LEASE, 300).status_code == 200
    assert next(answers, None) is None


def test_a_lease_that_prefect_has_revoked_ends_the_run() -> None:
    with client_of(iter([410])) as client, pytest.raises(PrefectHTTPStatusError):
        client.renew_concurrency_lease(LEASE, 300)
