"""go-falcon's auth module refreshes the same logins: the task notices it, touches nothing, and goes on afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from falcon_scheduler.adapters.clock import SystemClock
from falcon_scheduler.adapters.mongo.alerts import MongoAlertStore
from falcon_scheduler.adapters.mongo.go_falcon.database import MongoTakeoverRecord
from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.core.domain.alert import AlertKind
from falcon_scheduler.core.domain.takeover import Takeover
from falcon_scheduler.core.services.alerts.service_alerts import ServiceAlerts
from falcon_scheduler.eve.demo.sso import CLIENT_ID, CLIENT_SECRET
from falcon_scheduler.eve.services.refresher_watch import OtherRefresherWatch
from falcon_scheduler.eve.stores.other_refresher import MongoOtherRefresher
from tests.eve.universe_bench import Bench

ONE, TWO = 90_000_001, 90_000_002
OVERRIDE: dict[str, Any] = {"ignore_other_refresher": True, "window": "1h"}


async def go_falcon_refreshes(bench: Bench, character_id: int, at: datetime | None = None) -> None:
    """What go-falcon's auth module does with a profile. Source: eve-modules, section 1."""
    now = at or datetime.now(UTC)
    form = {"grant_type": "refresh_token", "refresh_token": (await bench.profile(character_id))["refresh_token"]}
    async with httpx.AsyncClient(base_url=bench.running.base_url, auth=(CLIENT_ID, CLIENT_SECRET)) as client:
        grant = (await client.post("/v2/oauth/token", data=form)).raise_for_status().json()
    tokens = {name: grant[name] for name in ("access_token", "refresh_token")}
    expiry = {"token_expiry": now + timedelta(seconds=grant["expires_in"]), "valid": True, "updated_at": now}
    await bench.database["user_profiles"].update_one({"character_id": character_id}, {"$set": tokens | expiry})


async def open_alerts(bench: Bench) -> list[AlertKind]:
    """What the facade's watch finds, after a look."""
    store = MongoAlertStore(bench.database)
    alerts = ServiceAlerts(alerts=store, clock=SystemClock(), channels=())
    record = MongoOtherRefresher(bench.database)
    await OtherRefresherWatch(record=record, alerts=alerts, clock=SystemClock()).look()
    return [each.kind for each in await alerts.opened()]


async def test_another_refresher_is_noticed_and_nothing_is_refreshed_until_it_stops(bench: Bench) -> None:
    await ensure_indexes(bench.database)
    await bench.add_profiles(ONE, TWO)
    assert (await bench.run("token_refresh")).success
    assert await open_alerts(bench) == []
    await go_falcon_refreshes(bench, TWO)
    before, asked = await bench.all("user_profiles"), bench.requests("POST")

    refused = await bench.run("token_refresh", window="1h")

    assert not refused.success
    assert not refused.retryable
    assert f"character {TWO}" in refused.error
    assert "go-falcon's auth module" in refused.error
    assert await bench.all("user_profiles") == before
    assert bench.requests("POST") == asked, "no token was sent to SSO"
    assert await open_alerts(bench) == [AlertKind.OTHER_REFRESHER]

    overridden = await bench.run("token_refresh", **OVERRIDE)
    assert overridden.detail["success"] == 2
    assert any("Somebody else" in line for line in bench.told.lines)
    assert (await bench.run("token_refresh", window="1h")).success, "all tokens are its own again"
    assert await open_alerts(bench) == []


async def test_a_refresher_that_wrote_nothing_for_half_an_hour_has_stopped(bench: Bench) -> None:
    await bench.add_profiles(ONE, token_expiry=datetime.now(UTC) - timedelta(hours=2))
    await bench.run("token_refresh")
    long_ago = datetime.now(UTC) - timedelta(minutes=45)
    mine = {"refreshed_at": long_ago - timedelta(hours=1), "refreshed_until": long_ago - timedelta(minutes=40)}
    await bench.database["user_profiles"].update_one({"character_id": ONE}, {"$set": mine})
    await go_falcon_refreshes(bench, ONE, at=long_ago)
    assert (await bench.run("token_refresh")).detail["success"] == 1


async def test_a_login_of_the_owner_is_no_refresher(bench: Bench) -> None:
    await bench.add_profiles(ONE)
    await bench.run("token_refresh")
    await go_falcon_refreshes(bench, ONE)
    login = {"last_login": datetime.now(UTC)}
    await bench.database["user_profiles"].update_one({"character_id": ONE}, {"$set": login})
    assert (await bench.run("token_refresh", window="1h")).success


@pytest.mark.parametrize(("since", "refused"), [(timedelta(minutes=5), True), (-timedelta(minutes=1), False)])
async def test_tokens_written_since_the_takeover_by_nobody_of_us_are_another_refreshers(
    bench: Bench, since: timedelta, refused: bool
) -> None:
    await bench.add_profiles(ONE)
    await go_falcon_refreshes(bench, ONE)
    assert (await bench.run("token_refresh", window="1m")).success, "a database of ours alone has no takeover"
    takeover = Takeover(taken_over_at=datetime.now(UTC) - since, tasks=1, executions=0, leftovers=0)
    await MongoTakeoverRecord(bench.database).write(takeover)
    assert (await bench.run("token_refresh", window="1h")).success is not refused


async def test_what_go_falcon_refreshed_before_a_takeover_anew_counts_for_nothing(bench: Bench) -> None:
    await bench.add_profiles(ONE)
    await bench.run("token_refresh")
    await go_falcon_refreshes(bench, ONE)
    takeover = Takeover(taken_over_at=datetime.now(UTC), tasks=1, executions=0, leftovers=0)
    await MongoTakeoverRecord(bench.database).write(takeover)
    assert (await bench.run("token_refresh", window="1h")).detail["success"] == 1


async def test_tokens_that_rest_sealed_are_known_as_its_own(bench: Bench) -> None:
    bench.eve["token_key"] = SecretStr("k" * 43 + "=")
    await bench.add_profiles(ONE)
    for _ in range(2):
        assert (await bench.run("token_refresh", window="1h")).success
